"""The program of `linear_learner`: a linear model by scikit-learn on a CSV, leaving `model.joblib`.

The model is a pipeline that prepares records itself, so it is asked with records as they are in the CSV.
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

_MOST_PASSES = 1000
_PASSES = 100
"""Over the data, where the arguments say nothing."""


def arguments() -> Arguments:
    """Return the arguments."""
    made = Arguments("linear_learner")
    made.add_argument("--learning_rate", type=float, default=0.01)
    made.add_argument("--max_steps", type=int)
    made.add_argument("--batch_size", type=int, default=100)
    made.add_argument("--l1_regularization_strength", type=float, default=0.0)
    made.add_argument("--l2_regularization_strength", type=float, default=0.0)
    made.add_argument("--num_class", type=int)
    # There is one optimiser here; the names of Google's are taken and change nothing.
    made.add_argument("--optimizer_type")
    return made


def passes(records: int, max_steps: int | None, batch_size: int) -> int:
    """Return how often the data are gone through: as often as `max_steps` batches would."""
    if max_steps is None:
        return _PASSES
    return max(1, min(math.ceil(max_steps * batch_size / records), _MOST_PASSES))


def penalty(l1: float, l2: float) -> dict[str, Any]:
    """Return two strengths as scikit-learn has them: one strength, and the part of L1 in it."""
    if not l1 and not l2:
        return {"penalty": None}
    return {"penalty": "elasticnet", "alpha": l1 + l2, "l1_ratio": l1 / (l1 + l2)}


def fit(lesson: Lesson) -> Fitted:
    """Train a pipeline.

    Raises:
        Refused: scikit-learn is missing, or does not take the parameters or the data.
    """
    joblib, numpy = require("joblib", "scikit-learn"), require("numpy", "numpy")
    pipeline = _pipeline(lesson)
    names = lesson.classes.names if lesson.classes else None
    # Classes are learned under their names, since those are what the model is to answer.
    targets = [names[int(code)] for code in lesson.targets] if names else lesson.targets
    try:
        pipeline.fit(numpy.array(lesson.rows, dtype=object), numpy.array(targets))
    except ValueError as error:
        raise Refused(f"scikit-learn refused: {' '.join(str(error).split())[:500]}") from error

    def predict(rows: list[Row]) -> Sequence[float]:
        found = pipeline.predict(numpy.array(rows, dtype=object)).tolist()
        return [float(names.index(value)) for value in found] if names else found

    def save(folder: Path) -> Mapping[str, Any]:
        joblib.dump(pipeline, folder / "model.joblib")
        return {}

    return Fitted(predict=predict, save=save)


def _pipeline(lesson: Lesson) -> Any:
    compose, impute = require("sklearn.compose", "scikit-learn"), require("sklearn.impute", "scikit-learn")
    linear, pipe = (
        require("sklearn.linear_model", "scikit-learn"),
        require("sklearn.pipeline", "scikit-learn"),
    )
    prepare = require("sklearn.preprocessing", "scikit-learn")
    numbers = [column for column, is_category in enumerate(lesson.categories) if not is_category]
    words = [column for column, is_category in enumerate(lesson.categories) if is_category]
    scaled = pipe.make_pipeline(impute.SimpleImputer(keep_empty_features=True), prepare.StandardScaler())
    options = lesson.options
    settings = {
        **penalty(options.l1_regularization_strength, options.l2_regularization_strength),
        "eta0": options.learning_rate,
        "learning_rate": "invscaling",
        "max_iter": passes(len(lesson.rows), options.max_steps, options.batch_size),
        "tol": None,
        "random_state": 1,
    }
    model = (
        linear.SGDClassifier(loss="log_loss", **settings)
        if lesson.classes
        else linear.SGDRegressor(**settings)
    )
    return pipe.make_pipeline(
        compose.ColumnTransformer(
            [("numbers", scaled, numbers), ("words", prepare.OneHotEncoder(handle_unknown="ignore"), words)]
        ),
        model,
    )


if __name__ == "__main__":
    sys.exit(run(arguments(), fit))
