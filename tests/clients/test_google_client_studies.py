"""google-api-python-client on studies and trials, against a server on loopback. Contract: 1.15."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from api_bench import TOKEN, ApiBench
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError
from serving_bench import serving

PARENT = "projects/demo/locations/us-central1"
CONFIG = {
    "algorithm": "RANDOM_SEARCH",
    "metrics": [{"metric": "accuracy", "goal": "MAXIMIZE"}],
    "parameters": [
        {
            "parameter": "rate",
            "type": "DOUBLE",
            "scale_type": "UNIT_LOG_SCALE",
            # As AI Platform's own samples spell it.
            "double_value_spec": {"min_value": 1e-4, "max_value": 1.0},
        },
        {
            "parameter": "layers",
            "type": "INTEGER",
            "integerValueSpec": {"minValue": "1", "maxValue": 4},
        },
    ],
}


@pytest.fixture
def locations(tmp_path) -> Iterator:
    bench = ApiBench(tmp_path / "root")
    with serving(bench.service, bench.api.principals) as address:
        options = {"api_endpoint": address}
        with build("ml", "v1", credentials=Credentials(TOKEN), client_options=options) as client:
            yield client.projects().locations()
    bench.close()


def measured(value: float, steps: int = 1) -> dict:
    return {"stepCount": str(steps), "metrics": [{"metric": "accuracy", "value": value}]}


def test_a_whole_study_as_a_client_runs_it(locations):
    studies, trials = locations.studies(), locations.studies().trials()
    made = studies.create(parent=PARENT, studyId="tuner", body={"study_config": CONFIG}).execute()
    name = f"{PARENT}/studies/tuner"
    assert (made["name"], made["state"]) == (name, "ACTIVE")
    assert made["studyConfig"]["parameters"][0]["doubleValueSpec"] == {"minValue": 1e-4, "maxValue": 1}
    with pytest.raises(HttpError) as caught:
        studies.create(parent=PARENT, studyId="tuner", body={"study_config": CONFIG}).execute()
    assert caught.value.status_code == 409
    assert studies.get(name=name).execute() == made

    best = -1.0
    for number in range(1, 6):
        asked = {"client_id": "worker", "suggestion_count": 1}
        operation = trials.suggest(parent=name, body=asked).execute()
        # Clients make the name anew from its last segment.
        path = f"{PARENT}/operations/{operation['name'].split('/')[-1]}"
        operation = locations.operations().get(name=path).execute()
        assert operation["done"] is True
        [trial] = operation["response"]["trials"]
        assert trial["name"] == f"{name}/trials/{number}"
        assert (trial["state"], trial["clientId"]) == ("ACTIVE", "worker")
        rate = next(p["floatValue"] for p in trial["parameters"] if p["parameter"] == "rate")
        layers = next(p["intValue"] for p in trial["parameters"] if p["parameter"] == "layers")
        assert 1e-4 <= rate <= 1.0 and layers in ("1", "2", "3", "4")
        again = trials.suggest(parent=name, body=asked).execute()
        assert again["response"]["trials"] == [trial]
        added = trials.addMeasurement(name=trial["name"], body={"measurement": measured(rate / 2)}).execute()
        assert added["measurements"] == [measured(rate / 2)]
        checked = trials.checkEarlyStoppingState(name=trial["name"]).execute()
        assert checked["response"]["shouldStop"] is False
        final = measured(rate, 2)
        done = trials.complete(name=trial["name"], body={"final_measurement": final}).execute()
        assert (done["state"], done["finalMeasurement"]) == ("COMPLETED", final)
        best = max(best, rate)

    [optimal] = trials.listOptimalTrials(parent=name).execute()["trials"]
    assert optimal["finalMeasurement"]["metrics"][0]["value"] == best
    assert len(trials.list(parent=name).execute()["trials"]) == 5
    assert trials.delete(name=f"{name}/trials/1").execute() == {}
    with pytest.raises(HttpError) as caught:
        trials.get(name=f"{name}/trials/1").execute()
    assert caught.value.status_code == 404
    assert locations.operations().cancel(name=path).execute() == {}
    assert studies.delete(name=name).execute() == {}
    assert studies.list(parent=PARENT).execute() == {}


def test_refusals_carry_their_field(locations):
    studies, trials = locations.studies(), locations.studies().trials()
    bad = {"studyConfig": {**CONFIG, "algorithm": "GRID_SEARCH"}}
    with pytest.raises(HttpError) as caught:
        studies.create(parent=PARENT, studyId="s", body=bad).execute()
    [violation] = caught.value.error_details[0]["fieldViolations"]
    assert violation["field"] == "study.study_config.algorithm"
    studies.create(parent=PARENT, studyId="s", body={"studyConfig": CONFIG}).execute()
    name = f"{PARENT}/studies/s"
    trials.suggest(parent=name, body={"clientId": "c", "suggestionCount": 1}).execute()
    stopped = trials.stop(name=f"{name}/trials/1").execute()
    assert stopped["state"] == "STOPPING"
    with pytest.raises(HttpError) as caught:
        trials.complete(name=f"{name}/trials/1", body={}).execute()
    assert caught.value.status_code == 400
    done = trials.complete(
        name=f"{name}/trials/1", body={"trialInfeasible": True, "infeasible_reason": "too hot"}
    ).execute()
    assert (done["trialInfeasible"], done["infeasibleReason"]) == (True, "too hot")
    with pytest.raises(HttpError) as caught:
        trials.complete(name=f"{name}/trials/1", body={"trialInfeasible": True}).execute()
    assert caught.value.status_code == 400
