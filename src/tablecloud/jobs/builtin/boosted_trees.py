"""The program of `boosted_trees` and `xgboost_dist`: XGBoost on a CSV, leaving `model.bst`.

Categories are learned as the codes that `metadata.json` lists, since a booster knows numbers only.
Contract: ml-jobs-service 2.9.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tablecloud.jobs.builtin.refusal import Refused, require
from tablecloud.jobs.builtin.table import Row
from tablecloud.jobs.builtin.training import Arguments, Fitted, Lesson, run

_NUMBERS = (
    "eta",
    "gamma",
    "min_child_weight",
    "max_delta_step",
    "subsample",
    "colsample_bytree",
    "colsample_bylevel",
    "lambda",
    "alpha",
    "scale_pos_weight",
    "base_score",
)
_WHOLE = ("max_depth", "max_leaves", "max_bin", "num_parallel_tree", "seed", "nthread")
_WORDS = ("booster", "tree_method", "grow_policy")

_OLD_NAMES = {"reg:linear": "reg:squarederror"}


def arguments() -> Arguments:
    """Return the arguments: those of XGBoost under its own names, and how many rounds."""
    made = Arguments("boosted_trees")
    made.add_argument("--objective", default="")
    made.add_argument("--num_boost_round", type=int, default=10)
    made.add_argument("--num_class", type=int)
    for name in _NUMBERS:
        made.add_argument(f"--{name}", type=float)
    for name in _WHOLE:
        made.add_argument(f"--{name}", type=int)
    for name in _WORDS:
        made.add_argument(f"--{name}")
    # What XGBoost measures while it trains is not looked at: the measures of a job are its own.
    made.add_argument("--eval_metric")
    return made


def parameters(lesson: Lesson) -> dict[str, Any]:
    """Return what XGBoost is told; the model's type decides where the objective is of another one."""
    given = vars(lesson.options)
    found = {name: given[name] for name in (*_NUMBERS, *_WHOLE, *_WORDS) if given[name] is not None}
    objective = _OLD_NAMES.get(given["objective"], given["objective"])
    if lesson.classes is None:
        return {**found, "objective": objective or "reg:squarederror"}
    count = len(lesson.classes.names)
    if objective.startswith("multi:") or (count > 2 and not objective.startswith("binary:")):
        kind = objective if objective.startswith("multi:") else "multi:softmax"
        return {**found, "objective": kind, "num_class": count}
    return {**found, "objective": objective if objective.startswith("binary:") else "binary:logistic"}


def encodings(lesson: Lesson) -> list[dict[str, float]]:
    """Return the code of each category of each feature; nothing for features that are numbers."""
    columns = zip(*lesson.rows, strict=True)
    return [
        {name: float(code) for code, name in enumerate(sorted({str(value) for value in column}))}
        if is_category
        else {}
        for column, is_category in zip(columns, lesson.categories, strict=True)
    ]


def encoded(rows: Sequence[Row], codes: Sequence[Mapping[str, float]]) -> list[list[float]]:
    """Return rows as numbers; a category that was not learned counts as missing."""
    return [
        [
            code.get(value, math.nan) if isinstance(value, str) else value
            for value, code in zip(row, codes, strict=True)
        ]
        for row in rows
    ]


def fit(lesson: Lesson) -> Fitted:
    """Train a booster.

    Raises:
        Refused: XGBoost is missing, or does not take the parameters or the data.
    """
    numpy, xgboost = require("numpy", "numpy"), require("xgboost", "xgboost")
    codes = encodings(lesson)

    def matrix(rows: list[Row], targets: Sequence[float] | None = None) -> Any:
        return xgboost.DMatrix(numpy.array(encoded(rows, codes), dtype=float), label=targets)

    told = parameters(lesson)
    try:
        booster = xgboost.train(
            told, matrix(lesson.rows, lesson.targets), num_boost_round=lesson.options.num_boost_round
        )
    except (xgboost.core.XGBoostError, ValueError) as error:
        raise Refused(f"XGBoost refused: {_first_words(error)}") from error

    def predict(rows: list[Row]) -> Sequence[float]:
        found = booster.predict(matrix(rows))
        if found.ndim == 2:
            found = found.argmax(axis=1)
        elif told["objective"].startswith("binary:"):
            found = found > (0.0 if told["objective"] == "binary:logitraw" else 0.5)
        values: list[float] = found.astype(float).tolist()
        return values

    def save(folder: Path) -> Mapping[str, Any]:
        # By its own extension, since XGBoost takes the format from it; the name is the one that is served.
        booster.save_model(folder / "model.ubj")
        (folder / "model.ubj").rename(folder / "model.bst")
        return {"parameters": told, "categories": codes}

    return Fitted(predict=predict, save=save)


def _first_words(error: Exception) -> str:
    """Return what XGBoost says without the stack of its own code."""
    return " ".join(str(error).partition("Stack trace")[0].split())[:500]


if __name__ == "__main__":
    sys.exit(run(arguments(), fit))
