"""Studies on a real store."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from tablecloud.clock import FakeClock
from tablecloud.jobs.store import Store
from tablecloud.jobs.studies import service
from tablecloud.jobs.studies.model import (
    BadTrial,
    StudyExists,
    StudyName,
    StudyState,
    TooManyTrials,
    TrialState,
    UnknownStudy,
    UnknownTrial,
    WrongTrialState,
)
from tablecloud.jobs.studies.service import Studies

NAME = StudyName(project="demo", location="local", study="s")
RATE = {"parameter": "rate", "type": "DOUBLE", "doubleValueSpec": {"minValue": 0.0, "maxValue": 1.0}}
KIND = {"parameter": "kind", "type": "CATEGORICAL", "categoricalValueSpec": {"values": ["a", "b", "c"]}}
LOSS = {"metric": "loss", "goal": "MINIMIZE"}


def config(*parameters: Any, **more: Any) -> dict[str, Any]:
    return {"metrics": [LOSS], "parameters": list(parameters or (RATE,)), **more}


def measurement(value: Any, steps: int = 1, elapsed: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"stepCount": str(steps), "metrics": [{"metric": "loss", "value": value}]}
    return found if elapsed is None else {**found, "elapsedTime": elapsed}


def rate(value: float) -> dict[str, Any]:
    return {"parameters": [{"parameter": "rate", "floatValue": value}]}


def test_a_study_exists_once(studies: Studies) -> None:
    made = studies.create(NAME, config())
    assert studies.rows.get(NAME) == made
    with pytest.raises(StudyExists):
        studies.create(NAME, config())
    assert studies.rows.in_location("demo", "local") == [made]
    assert studies.rows.in_location("demo", "elsewhere") == []


def test_deleting_a_study_removes_what_belongs_to_it(studies: Studies) -> None:
    studies.create(NAME, config())
    studies.suggest(NAME, "c", 2)
    studies.rows.insert_operation(NAME, "op", {"done": True})
    assert studies.rows.operation("demo", "local", "op") == {"done": True}
    studies.rows.delete(NAME)
    assert studies.rows.operation("demo", "local", "op") is None
    assert studies.rows.trials(NAME) == []
    with pytest.raises(UnknownStudy):
        studies.rows.delete(NAME)
    with pytest.raises(UnknownStudy):
        studies.rows.insert_operation(NAME, "op", {})
    with pytest.raises(UnknownStudy):
        studies.suggest(NAME, "c", 1)


def test_a_client_gets_its_own_trials_back_until_it_completes_them(studies: Studies) -> None:
    studies.create(NAME, config())
    mine = studies.suggest(NAME, "me", 2).trials
    others = studies.suggest(NAME, "you", 1).trials
    assert [one.trial_id for one in mine + others] == [1, 2, 3]
    assert studies.suggest(NAME, "me", 2).trials == mine
    assert studies.suggest(NAME, "me", 1).trials == mine[:1]
    assert [one.trial_id for one in studies.suggest(NAME, "me", 3).trials] == [1, 2, 4]
    studies.complete(NAME, 1, {"finalMeasurement": measurement(0.5)})
    assert [one.trial_id for one in studies.suggest(NAME, "me", 2).trials] == [2, 4]


def test_ids_are_never_used_again(studies: Studies) -> None:
    studies.create(NAME, config())
    studies.suggest(NAME, "c", 2)
    studies.rows.delete_trial(NAME, 2)
    with pytest.raises(UnknownTrial):
        studies.rows.delete_trial(NAME, 2)
    with pytest.raises(UnknownTrial):
        studies.rows.trial(NAME, 2)
    assert [one.trial_id for one in studies.suggest(NAME, "c", 2).trials] == [1, 3]


def test_clients_at_once_never_get_one_point_twice(studies: Studies) -> None:
    grid = {"parameter": "n", "type": "INTEGER", "integerValueSpec": {"minValue": "1", "maxValue": "20"}}
    studies.create(NAME, config(grid))
    found: list[str] = []

    def ask(client: str) -> None:
        for _ in range(5):
            for trial in studies.suggest(NAME, client, 1).trials:
                found.append(trial.parameters[0]["intValue"])
                studies.complete(NAME, trial.trial_id, {"finalMeasurement": measurement(1.0)})

    threads = [threading.Thread(target=ask, args=(f"c{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(map(int, found)) == list(range(1, 21))


def test_an_exhausted_space_completes_the_study(studies: Studies) -> None:
    studies.create(NAME, config(KIND, algorithm="GRID_SEARCH"))
    first = studies.suggest(NAME, "c", 5)
    assert [one.parameters[0]["stringValue"] for one in first.trials] == ["a", "b", "c"]
    assert first.state is StudyState.COMPLETED
    for trial in first.trials:
        studies.complete(NAME, trial.trial_id, {"trialInfeasible": True})
    last = studies.suggest(NAME, "c", 1)
    assert (last.trials, last.state) == ([], StudyState.COMPLETED)
    assert studies.rows.get(NAME).state is StudyState.COMPLETED


def test_a_full_study_gives_no_more(studies: Studies, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_TRIALS", 3)
    studies.create(NAME, config())
    assert len(studies.suggest(NAME, "c", 10).trials) == 3
    assert len(studies.suggest(NAME, "c", 10).trials) == 3
    with pytest.raises(TooManyTrials):
        studies.suggest(NAME, "d", 1)
    with pytest.raises(TooManyTrials):
        studies.create_trial(NAME, rate(0.5))


class TestTrialsOfUsers:
    def test_a_requested_trial_is_handed_out_first(self, studies: Studies) -> None:
        studies.create(NAME, config())
        asked = studies.create_trial(NAME, rate(0.25))
        assert (asked.trial_id, asked.state) == (1, TrialState.REQUESTED)
        [given] = studies.suggest(NAME, "c", 1).trials
        assert (given.trial_id, given.state, given.client_id) == (1, TrialState.ACTIVE, "c")
        assert given.parameters == [{"parameter": "rate", "floatValue": 0.25}]

    def test_a_completed_one_seeds_the_study(self, studies: Studies) -> None:
        studies.create(NAME, config())
        done = studies.create_trial(
            NAME, {**rate(0.25), "state": "COMPLETED", "finalMeasurement": measurement(0.1)}
        )
        assert done.state is TrialState.COMPLETED and done.end_time is not None
        assert studies.optimal_trials(NAME) == [done]

    @pytest.mark.parametrize(
        ("document", "field"),
        [
            ({"parameters": []}, "parameters"),
            (rate(2.0), "parameters"),
            ({"parameters": [{"parameter": "rate", "intValue": "1"}]}, "parameters"),
            ({"parameters": [*rate(0.1)["parameters"], *rate(0.2)["parameters"]]}, "parameters[1]"),
            (
                {"parameters": [*rate(0.1)["parameters"], {"parameter": "x", "floatValue": 1}]},
                "parameters",
            ),
            ({**rate(0.1), "state": "COMPLETED"}, "final_measurement"),
            ({**rate(0.1), "state": "STOPPING"}, "state"),
            ({**rate(0.1), "measurements": [measurement(1, 2), measurement(1, 1)]}, "measurements"),
            ({**rate(0.1), "measurements": [measurement(1, -1)]}, "measurements[0]"),
        ],
    )
    def test_what_breaks_a_rule_is_refused(
        self, studies: Studies, document: dict[str, Any], field: str
    ) -> None:
        studies.create(NAME, config())
        with pytest.raises(BadTrial) as caught:
            studies.create_trial(NAME, document)
        assert caught.value.field == field
        assert studies.rows.trials(NAME) == []


class TestLife:
    @pytest.fixture(autouse=True)
    def trial(self, studies: Studies) -> None:
        studies.create(NAME, config())
        studies.suggest(NAME, "c", 1)

    def test_measurements_are_strictly_ordered(self, studies: Studies) -> None:
        studies.add_measurement(NAME, 1, measurement(1.0, 1, "2s"))
        studies.add_measurement(NAME, 1, measurement(0.9, 1, "3s"))
        for late in (measurement(0.8, 1, "3s"), measurement(0.8, 1), measurement(0.8, 0, "9s")):
            with pytest.raises(BadTrial):
                studies.add_measurement(NAME, 1, late)
        assert len(studies.rows.trial(NAME, 1).measurements) == 2

    def test_the_last_measurement_is_the_final_one_by_default(self, studies: Studies) -> None:
        with pytest.raises(BadTrial):
            studies.complete(NAME, 1, {})
        studies.add_measurement(NAME, 1, measurement(1.0, 1))
        studies.add_measurement(NAME, 1, measurement(2.0, 2))
        assert studies.complete(NAME, 1, {}).final == measurement(2.0, 2)

    def test_a_completed_trial_stays_as_it_is(self, studies: Studies) -> None:
        studies.complete(NAME, 1, {"finalMeasurement": measurement(1.0)})
        for change in (
            lambda: studies.complete(NAME, 1, {"finalMeasurement": measurement(2.0)}),
            lambda: studies.stop(NAME, 1),
            lambda: studies.add_measurement(NAME, 1, measurement(3.0, 9)),
        ):
            with pytest.raises(WrongTrialState):
                change()
        assert studies.rows.trial(NAME, 1).final == measurement(1.0)

    def test_a_stopped_trial_is_completed_by_its_client(self, studies: Studies) -> None:
        assert studies.stop(NAME, 1).state is TrialState.STOPPING
        assert studies.stop(NAME, 1).state is TrialState.STOPPING
        studies.add_measurement(NAME, 1, measurement(1.0))
        assert studies.complete(NAME, 1, {}).state is TrialState.COMPLETED

    def test_an_infeasible_trial_has_no_value(self, studies: Studies) -> None:
        done = studies.complete(
            NAME, 1, {"trialInfeasible": True, "finalMeasurement": measurement(0.0), "infeasibleReason": "x"}
        )
        assert (done.infeasible, done.final, done.infeasible_reason) == (True, None, "x")
        assert studies.optimal_trials(NAME) == []
        studies.suggest(NAME, "c", 1)
        with pytest.raises(BadTrial):
            studies.complete(NAME, 2, {"infeasibleReason": "x", "finalMeasurement": measurement(0.0)})


def test_everything_is_there_after_the_file_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    store = Store(path)
    studies = Studies(store, FakeClock())
    study = studies.create(NAME, config())
    first = studies.suggest(NAME, "c", 1).trials
    studies.add_measurement(NAME, 1, measurement("NaN"))
    store.close()
    store = Store(path)
    studies = Studies(store, FakeClock())
    assert studies.rows.get(NAME) == study
    assert [one.parameters for one in studies.suggest(NAME, "c", 1).trials] == [first[0].parameters]
    store.close()


def test_the_same_history_gives_the_same_suggestion(tmp_path: Path) -> None:
    found = []
    for number in range(2):
        store = Store(tmp_path / f"{number}.sqlite")
        studies = Studies(store, FakeClock())
        studies.create(NAME, config(RATE, KIND))
        for _ in range(9):
            [trial] = studies.suggest(NAME, "c", 1).trials
            value = trial.parameters[0]["floatValue"]
            studies.complete(NAME, trial.trial_id, {"finalMeasurement": measurement((value - 0.7) ** 2)})
        found.append([one.parameters for one in studies.rows.trials(NAME)])
        store.close()
    assert found[0] == found[1]


def test_a_requested_trial_that_somebody_completed_meanwhile_stays_completed(
    studies: Studies, monkeypatch: pytest.MonkeyPatch
) -> None:
    studies.create(NAME, config())
    studies.create_trial(NAME, rate(0.25))
    stale = studies.rows.trials(NAME)
    studies.complete(NAME, 1, {"finalMeasurement": measurement(1.0)})
    monkeypatch.setattr(studies.rows, "trials", lambda name: stale)
    [given] = studies.suggest(NAME, "c", 1).trials
    assert given.trial_id == 2
    assert studies.rows.trial(NAME, 1).state is TrialState.COMPLETED
