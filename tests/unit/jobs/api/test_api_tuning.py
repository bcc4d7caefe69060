"""Tuning jobs at the API: what is refused, what may be resumed, what is shown."""

from __future__ import annotations

from typing import Any

import pytest
from api_bench import TRAINING, ApiBench

from tablecloud.jobs.model import State

RATE = {"parameterName": "rate", "type": "DOUBLE", "minValue": 0.1, "maxValue": 1}


def create(bench: ApiBench, job_id: str, **spec: Any) -> Any:
    return bench.create(job_id, training={"hyperparameters": {"params": [RATE], **spec}})


def refusal(bench: ApiBench, job_id: str, **spec: Any) -> tuple[int, str, str]:
    training = {**TRAINING, "hyperparameters": {"params": [RATE], **spec}}
    return bench.refusal("POST", "/v1/projects/demo/jobs", {"jobId": job_id, "trainingInput": training})


def test_what_was_sent_is_shown_without_defaults(bench: ApiBench) -> None:
    made = create(bench, "a", max_trials="3", goal="minimize")
    assert made["trainingInput"]["hyperparameters"] == {"params": [RATE], "maxTrials": 3, "goal": "MINIMIZE"}
    assert "trainingOutput" not in made


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"params": []}, "params"),
        ({"params": [{**RATE, "minValue": 2}]}, "params[0].min_value"),
        ({"algorithm": "GRID_SEARCH"}, "algorithm"),
        ({"maxTrials": -1}, "max_trials"),
    ],
)
def test_refusals_name_the_field(bench: ApiBench, spec: dict[str, Any], field: str) -> None:
    code, status, message = refusal(bench, "a", **spec)
    assert (code, status) == (400, "INVALID_ARGUMENT")
    assert message.startswith(f"Field: training_input.hyperparameters.{field} Error: ")
    assert bench.send("GET", "/v1/projects/demo/jobs/a").status == 404


def test_only_a_search_that_ended_and_fits_is_resumed(bench: ApiBench) -> None:
    path = "Field: training_input.hyperparameters.resume_previous_job_id Error: "
    bench.create("plain")
    create(bench, "search", goal="MINIMIZE")
    for previous, reason in (("none", "no such"), ("plain", "no such"), ("search", "QUEUED")):
        code, _, message = refusal(bench, "again", resumePreviousJobId=previous)
        assert code == 400 and message.startswith(path) and reason in message
    bench.call("POST", "/v1/projects/demo/jobs/search:cancel")
    bench.wait_for("demo", "search", State.CANCELLED)
    assert "goal" in refusal(bench, "again", resumePreviousJobId="search")[2]
    assert create(bench, "again", goal="MINIMIZE", resumePreviousJobId="search")["state"] == "QUEUED"
