"""What follows from the trials of a study: values, order, history, optimal trials, early stopping. Pure.

Contract: ml-jobs-service 1.15.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from tablecloud.jobs.studies.config import Metric, Stopping, StudySpec
from tablecloud.jobs.studies.model import BadTrial, StudyTrial, TrialState
from tablecloud.jobs.tuning.algorithms import Past
from tablecloud.jobs.tuning.early_stopping import decay_says_stop, median_says_stop
from tablecloud.jobs.tuning.metrics import usable
from tablecloud.jobs.tuning.space import Assignment, Kind, Parameter, Value, allows, existing
from tablecloud.jobs.wire.times import NANOS, parse_duration

JsonObject = Mapping[str, Any]

_FIELDS = {
    Kind.DOUBLE: "floatValue",
    Kind.DISCRETE: "floatValue",
    Kind.INTEGER: "intValue",
    Kind.CATEGORICAL: "stringValue",
}
_SPREAD = 0.05
"""How much the sum of several objectives counts beside the worst of them."""


def parameter_documents(spec: StudySpec, assignment: Mapping[str, Value]) -> list[dict[str, Any]]:
    """Return an assignment as a trial's `parameters`."""
    return [_document(one, assignment[one.name]) for one in existing(spec.parameters, assignment)]


def read_assignment(spec: StudySpec, documents: Sequence[JsonObject]) -> Assignment:
    """Return the assignment that a trial's `parameters` describe.

    Raises:
        BadTrial: a parameter is unknown, missing, doubled, or has a value that it may not have.
    """
    given: dict[str, JsonObject] = {}
    for index, document in enumerate(documents):
        name = document.get("parameter", "")
        if name in given:
            raise BadTrial(f"parameters[{index}]", f"The parameter {name[:200]} is given twice.")
        given[name] = document
    found: Assignment = {}
    # Which parameters exist becomes known value by value, parents first.
    while missing := [one for one in existing(spec.parameters, found) if one.name not in found]:
        for parameter in missing:
            if parameter.name not in given:
                raise BadTrial("parameters", f"The parameter {parameter.name} is missing.")
            found[parameter.name] = _value(parameter, given[parameter.name])
    if unknown := given.keys() - found.keys():
        raise BadTrial("parameters", f"There is no parameter {min(unknown)[:200]} under these values.")
    return found


def _document(parameter: Parameter, value: Value) -> dict[str, Any]:
    # int64 is text in JSON.
    shown = str(value) if parameter.kind is Kind.INTEGER else value
    return {"parameter": parameter.name, _FIELDS[parameter.kind]: shown}


def _value(parameter: Parameter, document: JsonObject) -> Value:
    field = _FIELDS[parameter.kind]
    convert = {"floatValue": float, "intValue": int, "stringValue": str}[field]
    proto = field.replace("Value", "_value")
    if field not in document:
        raise BadTrial("parameters", f"The parameter {parameter.name} needs a {proto}.")
    value: Value = convert(document[field])
    if not allows(parameter, value):
        raise BadTrial("parameters", f"The parameter {parameter.name} may not be {document[field]!s:.200}.")
    return value


def check_measurement(measurement: JsonObject, path: str) -> None:
    """Refuse a measurement that breaks a rule.

    Raises:
        BadTrial: a negative step or time, or a metric that is unnamed or doubled.
    """
    steps, elapsed = place_of(measurement)
    if steps < 0 or elapsed < 0:
        raise BadTrial(path, "Steps and elapsed time must not be negative.")
    names = [one.get("metric", "") for one in measurement.get("metrics", ())]
    if not all(names) or len(set(names)) < len(names):
        raise BadTrial(f"{path}.metrics", "Each metric needs a name of its own.")


def place_of(measurement: JsonObject) -> tuple[int, int]:
    """Return the steps and the elapsed nanoseconds of a measurement, which order measurements."""
    return int(measurement.get("stepCount", "0")), parse_duration(measurement.get("elapsedTime", "0s"))


def check_order(measurements: Sequence[JsonObject], path: str) -> None:
    """Refuse measurements that are not strictly ordered by steps, then elapsed time.

    Raises:
        BadTrial: they are not.
    """
    places = [place_of(one) for one in measurements]
    if any(left >= right for left, right in pairwise(places)):
        raise BadTrial(path, "A measurement must be after the last one, by steps and then elapsed time.")


def values_of(spec: StudySpec, trial: StudyTrial) -> tuple[float, ...] | None:
    """Return a completed trial's objectives, turned so that more is better; None where one is not known."""
    if trial.state is not TrialState.COMPLETED or trial.infeasible or trial.final is None:
        return None
    found = [_metric(trial.final, metric) for metric in spec.metrics]
    known = tuple(value for value in found if value is not None)
    return known if len(known) == len(found) else None


def history(spec: StudySpec, trials: Sequence[StudyTrial], seed: str) -> list[Past]:
    """Return the trials as the search algorithms know them, with one value each, to be maximised.

    Several objectives become one by weights that differ from suggestion to suggestion, so that in the end
    every part of the front is looked for.
    """
    values = [values_of(spec, trial) for trial in trials]
    weights = _weights(len(spec.metrics), f"{seed}/{len(trials)}")
    known = [value for value in values if value is not None]
    lows = [min(column) for column in zip(*known, strict=True)]
    highs = [max(column) for column in zip(*known, strict=True)]
    past = []
    for trial, value in zip(trials, values, strict=True):
        one = value if value is None or len(value) == 1 else (_scalar(value, lows, highs, weights),)
        past.append(
            Past(
                assignment=read_assignment(spec, trial.parameters),
                value=None if one is None else one[0],
                pending=trial.state is not TrialState.COMPLETED,
            )
        )
    return past


def optimal_trials(spec: StudySpec, trials: Sequence[StudyTrial]) -> list[StudyTrial]:
    """Return the trials that no other one is better than: for one metric the best, else the Pareto front."""
    scored = [(trial, value) for trial in trials if (value := values_of(spec, trial)) is not None]
    if len(spec.metrics) == 1:
        return [max(scored, key=lambda pair: (pair[1], -pair[0].trial_id))[0]] if scored else []
    return [trial for trial, value in scored if not any(_dominates(other, value) for _, other in scored)]


def should_stop(spec: StudySpec, trial: StudyTrial, trials: Sequence[StudyTrial]) -> bool:
    """Say whether a trial that is under way is not worth going on, by the study's own rule."""
    if spec.stopping is Stopping.NONE or trial.state is TrialState.COMPLETED:
        return False
    completed = [
        _curve(spec, other)
        for other in trials
        if other.state is TrialState.COMPLETED and not other.infeasible
    ]
    rule = median_says_stop if spec.stopping is Stopping.MEDIAN else decay_says_stop
    return rule(_curve(spec, trial), completed, maximize=spec.metrics[0].maximize)


def _curve(spec: StudySpec, trial: StudyTrial) -> list[tuple[float, float]]:
    metric = spec.metrics[0]
    sign = 1.0 if metric.maximize else -1.0
    curve = []
    for measurement in trial.measurements:
        value = _metric(measurement, metric)
        steps, elapsed = place_of(measurement)
        if value is not None:
            curve.append((elapsed / NANOS if spec.by_elapsed_time else float(steps), sign * value))
    return sorted(curve)


def _metric(measurement: JsonObject, metric: Metric) -> float | None:
    """Return a metric's value, turned so that more is better; None where it is missing or not finite."""
    for one in measurement.get("metrics", ()):
        if one["metric"] == metric.name:
            value = float(one.get("value", 0.0))  # "NaN" and its like come as text
            return (value if metric.maximize else -value) if usable(value) else None
    return None


def _weights(count: int, seed: str) -> list[float]:
    generator = random.Random(seed)  # noqa: S311  # reproducible, not secret
    draws = [generator.expovariate(1.0) for _ in range(count)]
    return [draw / sum(draws) for draw in draws]


def _scalar(
    values: Sequence[float], lows: Sequence[float], highs: Sequence[float], weights: Sequence[float]
) -> float:
    parts = [
        weight * ((value / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.5)
        for value, low, high, weight in zip(values, lows, highs, weights, strict=True)
    ]
    return min(parts) + _SPREAD * sum(parts)


def _dominates(left: Sequence[float], right: Sequence[float]) -> bool:
    pairs = list(zip(left, right, strict=True))
    return all(one >= other for one, other in pairs) and any(one > other for one, other in pairs)
