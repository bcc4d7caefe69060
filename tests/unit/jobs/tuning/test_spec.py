"""What a HyperparameterSpec may say, and what the API answers where it says something else."""

from __future__ import annotations

from typing import Any

import pytest

from tablecloud.jobs.tuning.algorithms import Algorithm
from tablecloud.jobs.tuning.parameters import BadParameter, job_parameters
from tablecloud.jobs.tuning.space import Kind, Scale
from tablecloud.jobs.tuning.spec import DEFAULT_TAG, is_tuning, read_spec, why_not_resumable

RATE = {"parameterName": "learning-rate", "type": "DOUBLE", "minValue": 0.001, "maxValue": 1}
UNITS = {"parameterName": "units", "type": "INTEGER", "minValue": 1, "maxValue": 128}
KIND = {"parameterName": "kind", "type": "CATEGORICAL", "categoricalValues": ["a", "b"]}
SIZE = {"parameterName": "size", "type": "DISCRETE", "discreteValues": [1, 2.5, 4]}


def document(**spec: Any) -> dict[str, Any]:
    return {"trainingInput": {"hyperparameters": {"params": [RATE], **spec}}}


def test_defaults() -> None:
    spec = read_spec(document())
    assert spec.maximize and spec.algorithm is Algorithm.GAUSSIAN
    assert (spec.max_trials, spec.parallel_trials, spec.max_failed_trials) == (1, 1, 0)
    assert (spec.tag, spec.early_stopping, spec.resumes) == (DEFAULT_TAG, False, "")
    assert read_spec(document(goal="GOAL_TYPE_UNSPECIFIED", algorithm="ALGORITHM_UNSPECIFIED")) == spec
    assert not read_spec(document(goal="MINIMIZE")).maximize


def test_no_more_trials_at_once_than_there_are() -> None:
    assert read_spec(document(maxTrials=3, maxParallelTrials=9)).parallel_trials == 3


def test_parameters() -> None:
    rate, units, kind, size = job_parameters(
        [{**RATE, "scaleType": "UNIT_LOG_SCALE"}, {**UNITS, "scaleType": "NONE"}, KIND, SIZE]
    )
    assert (rate.kind, rate.low, rate.high, rate.scale) == (Kind.DOUBLE, 0.001, 1.0, Scale.LOG)
    assert (units.low, units.high, units.scale) == (1, 128, Scale.LINEAR)
    assert kind.values == ("a", "b")
    assert size.values == (1.0, 2.5, 4.0)
    # Zeros are how some clients say nothing.
    assert job_parameters([{**KIND, "minValue": 0, "maxValue": 0}])[0].values == ("a", "b")


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ([], "params"),
        ([RATE, RATE], "params[1].parameter_name"),
        ([{**RATE, "parameterName": ""}], "params[0].parameter_name"),
        ([{**RATE, "parameterName": "a=b"}], "params[0].parameter_name"),
        ([{**RATE, "type": "PARAMETER_TYPE_UNSPECIFIED"}], "params[0].type"),
        ([{**RATE, "minValue": 2}], "params[0].min_value"),
        ([{**RATE, "minValue": "NaN"}], "params[0].min_value"),
        ([{"parameterName": "x", "type": "DOUBLE", "minValue": 1}], "params[0].max_value"),
        ([{**RATE, "minValue": 0, "scaleType": "UNIT_LOG_SCALE"}], "params[0].scale_type"),
        ([{**RATE, "minValue": -1, "scaleType": "UNIT_REVERSE_LOG_SCALE"}], "params[0].scale_type"),
        ([{**RATE, "categoricalValues": ["a"]}], "params[0].categorical_values"),
        ([{**UNITS, "maxValue": 1.5}], "params[0].max_value"),
        ([{**UNITS, "maxValue": 1e300}], "params[0].max_value"),
        ([{**KIND, "categoricalValues": []}], "params[0].categorical_values"),
        ([{**KIND, "categoricalValues": ["a", "a"]}], "params[0].categorical_values"),
        ([{**KIND, "maxValue": 3}], "params[0].max_value"),
        ([{**KIND, "scaleType": "UNIT_LINEAR_SCALE"}], "params[0].scale_type"),
        ([{**SIZE, "discreteValues": [1, 1]}], "params[0].discrete_values"),
        ([{**SIZE, "discreteValues": [2, 1]}], "params[0].discrete_values"),
        ([{**SIZE, "discreteValues": list(range(1001))}], "params[0].discrete_values"),
        ([{**SIZE, "discreteValues": [0, 1], "scaleType": "UNIT_LOG_SCALE"}], "params[0].scale_type"),
    ],
)
def test_parameters_that_break_a_rule(params: list[Any], field: str) -> None:
    with pytest.raises(BadParameter) as caught:
        job_parameters(params)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"algorithm": "GRID_SEARCH"}, "algorithm"),
        ({"maxTrials": -1}, "max_trials"),
        ({"maxParallelTrials": -1}, "max_parallel_trials"),
        ({"maxFailedTrials": -1}, "max_failed_trials"),
    ],
)
def test_specs_that_break_a_rule(change: dict[str, Any], field: str) -> None:
    with pytest.raises(BadParameter) as caught:
        read_spec(document(**change))
    assert caught.value.field == field


def test_an_empty_message_is_no_tuning() -> None:
    assert is_tuning(document())
    assert not is_tuning({"trainingInput": {"hyperparameters": {}}})
    assert not is_tuning({"predictionInput": {}})


def test_what_may_be_resumed() -> None:
    spec = read_spec(document(params=[RATE, UNITS]))
    assert why_not_resumable(spec, read_spec(document(params=[UNITS, {**RATE, "maxValue": 9}]))) is None
    assert why_not_resumable(spec, read_spec(document(params=[RATE]))) is not None
    assert (
        why_not_resumable(spec, read_spec(document(params=[RATE, {**UNITS, "type": "DOUBLE"}]))) is not None
    )
    assert why_not_resumable(spec, read_spec(document(params=[RATE, UNITS], goal="MINIMIZE"))) is not None
