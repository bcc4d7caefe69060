"""Which training images are built-in algorithms, and which of them this service trains itself. Data only.

Contract: ml-jobs-service 2.9.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_IMAGE = re.compile(r"gcr\.io/cloud-ml-algos/([a-z0-9_]+)(?:[:@].+)?")

RUNTIME_VERSION, PYTHON_VERSION = "2.11", "3.7"
"""What to give when a version is made of the model; the pair that `versions.create` takes."""

REPORT_VARIABLE = "TABLECLOUD_BUILTIN_REPORT"
"""Names the file in which a trainer says how it ended."""

REPORT_FILE = "builtin.json"
"""That file, in the attempt's folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    """One algorithm that is trained here."""

    module: str
    """Its program, for `python -m`."""
    framework: str
    """Of the model it leaves: XGBOOST or SCIKIT_LEARN."""


_TREES = Algorithm(module="tablecloud.jobs.builtin.boosted_trees", framework="XGBOOST")
_LINEAR = Algorithm(module="tablecloud.jobs.builtin.linear_learner", framework="SCIKIT_LEARN")

ALGORITHMS: Mapping[str, Algorithm] = {
    "boosted_trees": _TREES,
    "xgboost_dist": _TREES,
    "linear_learner": _LINEAR,
    "linear_learner_cpu": _LINEAR,
    "linear_learner_gpu": _LINEAR,
}


def algorithm_name(training: Mapping[str, Any]) -> str | None:
    """Return the built-in algorithm that a training input names; None where it names none.

    An image whose command the job replaces is a container like any other, and so is one beside which
    another role has an image of its own.
    """
    master = training.get("masterConfig", {})
    image = master.get("imageUri", "")
    others = [
        training.get(f"{role}Config", {}).get("imageUri")
        for role in ("worker", "parameterServer", "evaluator")
    ]
    match = _IMAGE.fullmatch(image)
    if (
        match is None
        or master.get("containerCommand")
        or any(other not in (None, "", image) for other in others)
    ):
        return None
    return match[1]
