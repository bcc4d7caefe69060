"""Study configurations and what follows from trials, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from tablecloud.jobs.studies import rules
from tablecloud.jobs.studies.config import Stopping, StudySpec, read_config
from tablecloud.jobs.studies.model import BadTrial, StudyTrial, TrialState
from tablecloud.jobs.tuning.algorithms import Algorithm
from tablecloud.jobs.tuning.parameters import BadParameter

MODEL = {
    "parameter": "model",
    "type": "CATEGORICAL",
    "categoricalValueSpec": {"values": ["linear", "deep", "wide"]},
    "childParameterSpecs": [
        {
            "parameter": "layers",
            "type": "INTEGER",
            "integerValueSpec": {"minValue": "1", "maxValue": "3"},
            "parentCategoricalValues": {"values": ["deep"]},
        },
        {
            "parameter": "layers",
            "type": "DISCRETE",
            "discreteValueSpec": {"values": [10, 20]},
            "parentCategoricalValues": {"values": ["wide"]},
        },
    ],
}
ACCURACY = {"metric": "accuracy", "goal": "MAXIMIZE"}
LATENCY = {"metric": "latency", "goal": "MINIMIZE"}


def config(**more: Any) -> dict[str, Any]:
    return {"metrics": [ACCURACY], "parameters": [MODEL], **more}


def trial(number: int, *, final: dict[str, Any] | None = None, **more: Any) -> StudyTrial:
    more.setdefault("parameters", [{"parameter": "model", "stringValue": "linear"}])
    measured = {"metrics": [{"metric": name, "value": value} for name, value in (final or {}).items()]}
    more.setdefault("state", TrialState.COMPLETED)
    return StudyTrial(trial_id=number, final=measured if final else None, **more)


def test_children_exist_under_their_parents_values() -> None:
    spec = read_config(config(algorithm="GRID_SEARCH"))
    assert spec.algorithm is Algorithm.GRID
    deep = [{"parameter": "model", "stringValue": "deep"}, {"parameter": "layers", "intValue": "2"}]
    wide = [{"parameter": "model", "stringValue": "wide"}, {"parameter": "layers", "floatValue": 10.0}]
    assert rules.read_assignment(spec, deep) == {"model": "deep", "layers": 2}
    assert rules.read_assignment(spec, wide) == {"model": "wide", "layers": 10.0}
    assert rules.parameter_documents(spec, {"model": "deep", "layers": 2}) == deep
    with pytest.raises(BadTrial, match="layers is missing"):
        rules.read_assignment(spec, deep[:1])
    with pytest.raises(BadTrial, match="no parameter layers"):
        rules.read_assignment(spec, [{"parameter": "model", "stringValue": "linear"}, deep[1]])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"parameters": []}, "parameters"),
        ({"metrics": []}, "metrics"),
        ({"metrics": [ACCURACY, ACCURACY]}, "metrics[1].metric"),
        ({"metrics": [{"goal": "MAXIMIZE"}]}, "metrics[0].metric"),
        ({"metrics": [{"metric": "x"}]}, "metrics[0].goal"),
        ({"parameters": [MODEL, MODEL]}, "parameters[1].parameter"),
        (
            {"parameters": [{**MODEL, "doubleValueSpec": {"maxValue": 1}}]},
            "parameters[0].double_value_spec",
        ),
        ({"parameters": [{"parameter": "x", "type": "DOUBLE"}]}, "parameters[0].double_value_spec"),
        (
            {
                "automatedStoppingConfig": {
                    "medianAutomatedStoppingConfig": {},
                    "decayCurveStoppingConfig": {},
                }
            },
            "automated_stopping_config",
        ),
    ],
)
def test_what_breaks_a_rule_is_refused(change: dict[str, Any], field: str) -> None:
    with pytest.raises(BadParameter) as caught:
        read_config(config(**change))
    assert caught.value.field == field


@pytest.mark.parametrize(
    "parents",
    [
        {},
        {"parentCategoricalValues": {"values": []}},
        {"parentCategoricalValues": {"values": ["purple"]}},
        {"parentIntValues": {"values": ["1"]}},
        {"parentCategoricalValues": {"values": ["deep"]}, "parentIntValues": {"values": ["1"]}},
    ],
)
def test_a_child_matches_values_of_its_parent(parents: dict[str, Any]) -> None:
    child = {"parameter": "c", "type": "CATEGORICAL", "categoricalValueSpec": {"values": ["x"]}, **parents}
    with pytest.raises(BadParameter):
        read_config(config(parameters=[{**MODEL, "childParameterSpecs": [child]}]))


def test_two_children_of_a_name_must_not_meet() -> None:
    left, right = MODEL["childParameterSpecs"]
    both = {
        **MODEL,
        "childParameterSpecs": [left, {**right, "parentCategoricalValues": {"values": ["deep"]}}],
    }
    with pytest.raises(BadParameter, match="layers"):
        read_config(config(parameters=[both]))


def test_stopping_rules() -> None:
    median = read_config(config(automatedStoppingConfig={"medianAutomatedStoppingConfig": {}}))
    assert (median.stopping, median.by_elapsed_time) == (Stopping.MEDIAN, False)
    decay = read_config(
        config(automatedStoppingConfig={"decayCurveStoppingConfig": {"useElapsedTime": True}})
    )
    assert (decay.stopping, decay.by_elapsed_time) == (Stopping.DECAY, True)
    assert read_config(config()).stopping is Stopping.NONE


def curve(*values: float) -> list[dict[str, Any]]:
    return [
        {
            "stepCount": str(step),
            "elapsedTime": f"{step * 10}s",
            "metrics": [{"metric": "accuracy", "value": value}],
        }
        for step, value in enumerate(values, start=1)
    ]


@pytest.mark.parametrize("elapsed", [False, True])
def test_median_rule_on_trials(elapsed: bool) -> None:
    spec = read_config(
        config(automatedStoppingConfig={"medianAutomatedStoppingConfig": {"useElapsedTime": elapsed}})
    )
    others = [trial(n, final={"accuracy": 0.9}, measurements=curve(0.5, 0.7, 0.9)) for n in range(5)]
    bad = trial(9, state=TrialState.ACTIVE, measurements=curve(0.1, 0.2))
    good = trial(9, state=TrialState.ACTIVE, measurements=curve(0.1, 0.61))
    assert rules.should_stop(spec, bad, others)
    assert not rules.should_stop(spec, good, others)
    assert not rules.should_stop(spec, bad, others[:4])
    assert not rules.should_stop(spec, trial(9, measurements=curve(0.1)), others)


class TestOptimal:
    def test_one_metric(self) -> None:
        spec = read_config(config())
        trials = [
            trial(n, final={"accuracy": value}) for n, value in enumerate((0.1, 0.8, 0.8, 0.3), start=1)
        ]
        trials += [
            trial(5, final={"accuracy": 0.9}, infeasible=True),
            trial(6, final={"accuracy": 0.9}, state=TrialState.ACTIVE),
            trial(7, final={"accuracy": "NaN"}),
            trial(8, final={"other": 1.0}),
        ]
        assert [one.trial_id for one in rules.optimal_trials(spec, trials)] == [2]
        assert rules.optimal_trials(spec, []) == []

    def test_the_front_of_two(self) -> None:
        spec = read_config(config(metrics=[ACCURACY, LATENCY]))
        points = [(0.9, 10), (0.8, 5), (0.7, 6), (0.5, 1), (0.9, 11), (0.8, 5)]
        trials = [trial(n, final={"accuracy": a, "latency": b}) for n, (a, b) in enumerate(points)]
        trials.append(trial(6, final={"accuracy": 1.0}))
        assert [one.trial_id for one in rules.optimal_trials(spec, trials)] == [0, 1, 3, 5]


def test_history_turns_goals_and_marks_what_runs() -> None:
    spec: StudySpec = read_config(config(metrics=[LATENCY]))
    trials = [trial(1, final={"latency": 3.0}), trial(2, state=TrialState.ACTIVE), trial(3, infeasible=True)]
    past = rules.history(spec, trials, "seed")
    assert [(one.value, one.pending) for one in past] == [(-3.0, False), (None, True), (None, False)]


def test_several_objectives_become_one_between_the_extremes() -> None:
    spec = read_config(config(metrics=[ACCURACY, LATENCY]))
    trials = [
        trial(1, final={"accuracy": 0.0, "latency": 9.0}),
        trial(2, final={"accuracy": 1.0, "latency": 1.0}),
        trial(3, final={"accuracy": 0.5, "latency": 5.0}),
    ]
    worst, best, middle = (one.value for one in rules.history(spec, trials, "seed"))
    assert worst < middle < best
    assert rules.history(spec, trials, "seed") == rules.history(spec, trials, "seed")
