"""Explain predictions by sampled Shapley values: how much each feature moved the answer. Pure.

Attributions of one instance add up to the difference between its score and the baseline's, because every
sampled order of the features walks from one to the other. Contract: ml-jobs-service 4.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Predict = Callable[[list[list[float]]], list[Any]]
"""Rows to predictions: a number, or a list of scores, for each row."""

MAX_FEATURES, MAX_PATHS = 1000, 50


class NotExplainable(Exception):
    """The instances or the predictions are not of the kind that can be explained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to explain."""

    paths: int = 10
    """Orders of the features to sample, 1 to 50."""
    baseline: tuple[float, ...] = ()
    """What stands for a feature that is absent; empty is zero for all."""
    input_name: str = "features"
    output_name: str = "prediction"
    seed: int = 0


def explain(predict: Predict, instances: Sequence[Any], plan: Plan) -> list[dict[str, Any]]:
    """Return one explanation for each instance, in order; the same each time for the same plan.

    Raises:
        NotExplainable: an instance is no list of numbers, or the model's answers are no numbers.
    """
    rows = [_checked(instance, index) for index, instance in enumerate(instances)]
    return [_explained(predict, row, plan) for row in rows]


def _checked(instance: Any, index: int) -> list[float]:
    if (
        not isinstance(instance, list)
        or not 0 < len(instance) <= MAX_FEATURES
        or not all(isinstance(value, int | float) for value in instance)
    ):
        raise NotExplainable(
            f"Instance {index} must be a list of 1 to {MAX_FEATURES} numbers; only tabular instances can be "
            "explained."
        )
    return instance


def _explained(predict: Predict, row: list[float], plan: Plan) -> dict[str, Any]:
    base = list(plan.baseline) or [0.0] * len(row)
    if len(base) != len(row):
        raise NotExplainable(f"The baseline has {len(base)} features, the instance {len(row)}.")
    label, (start, end) = _label(predict([base, row]))
    order = list(range(len(row)))
    chance = random.Random(plan.seed)  # noqa: S311 - a sample, not a secret
    sums = [0.0] * len(row)
    for _ in range(plan.paths):
        chance.shuffle(order)
        for feature, gain in zip(order, _walk(predict, base, row, order, label, start), strict=True):
            sums[feature] += gain
    gains = [total / plan.paths for total in sums]
    return {"attributions_by_label": [_attribution(gains, start, end, label, plan)]}


def _attribution(gains: list[float], start: float, end: float, label: int, plan: Plan) -> dict[str, Any]:
    missed = abs(end - start - math.fsum(gains))
    return {
        "attributions": {plan.input_name: gains},
        "baseline_score": start,
        "example_score": end,
        "label_index": label,
        "output_name": plan.output_name,
        "approx_error": missed / abs(end - start) if end != start else missed,
    }


def _label(predictions: list[Any]) -> tuple[int, tuple[float, float]]:
    """Return which score of the example is explained, its highest, and that score of baseline and example."""
    example = predictions[1]
    label = example.index(max(example)) if isinstance(example, list) and _numbers(example) else 0
    return label, (_score(predictions[0], label), _score(example, label))


def _walk(
    predict: Predict, base: list[float], row: list[float], order: list[int], label: int, start: float
) -> list[float]:
    """Return what each step gains on the way from the baseline to the row, in the order given."""
    steps, current = [], list(base)
    for feature in order:
        current[feature] = row[feature]
        steps.append(list(current))
    gains, before = [], start
    for prediction in predict(steps):
        score = _score(prediction, label)
        gains.append(score - before)
        before = score
    return gains


def _score(prediction: Any, label: int) -> float:
    value = prediction[label] if isinstance(prediction, list) and label < len(prediction) else prediction
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise NotExplainable("Only predictions that are numbers, or lists of numbers, can be explained.")
    return float(value)


def _numbers(values: list[Any]) -> bool:
    return bool(values) and all(isinstance(value, int | float) for value in values)
