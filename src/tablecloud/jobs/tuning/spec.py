"""What a tuning job searches and how: its HyperparameterSpec, read and checked. Pure.

Contract: ml-jobs-service 2.8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tablecloud.jobs.tuning.algorithms import Algorithm
from tablecloud.jobs.tuning.parameters import BadParameter, job_parameters
from tablecloud.jobs.tuning.space import Kind, Parameter

DEFAULT_TAG = "training/hptuning/metric"

_ALGORITHMS = {"GRID_SEARCH": Algorithm.GRID, "RANDOM_SEARCH": Algorithm.RANDOM}


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningSpec:
    """A HyperparameterSpec with its defaults filled in."""

    parameters: tuple[Parameter, ...]
    maximize: bool
    algorithm: Algorithm
    max_trials: int
    parallel_trials: int
    """How many run at once, never more than there are."""
    max_failed_trials: int
    """0 leaves it to the service."""
    tag: str
    """Of the metric."""
    early_stopping: bool
    resumes: str
    """Id of the job whose trials are known already; empty for none."""


def is_tuning(document: Mapping[str, Any]) -> bool:
    """Say whether a job's document describes a tuning job."""
    return bool(document.get("trainingInput", {}).get("hyperparameters"))


def read_spec(document: Mapping[str, Any]) -> TuningSpec:
    """Return what a job's document says about tuning.

    Parameters:
        document: the job's, canonical, with `trainingInput.hyperparameters`.

    Raises:
        BadParameter: a rule is broken; `field` is a path below `hyperparameters`.
    """
    raw = document["trainingInput"]["hyperparameters"]
    parameters = job_parameters(raw.get("params", ()))
    algorithm = _ALGORITHMS.get(raw.get("algorithm", ""), Algorithm.GAUSSIAN)
    if algorithm is Algorithm.GRID and any(one.kind is Kind.DOUBLE for one in parameters):
        raise BadParameter("algorithm", "GRID_SEARCH cannot search parameters of type DOUBLE.")
    trials = _count(raw, "maxTrials", "max_trials") or 1
    return TuningSpec(
        parameters=parameters,
        maximize=raw.get("goal") != "MINIMIZE",
        algorithm=algorithm,
        max_trials=trials,
        parallel_trials=min(_count(raw, "maxParallelTrials", "max_parallel_trials") or 1, trials),
        max_failed_trials=_count(raw, "maxFailedTrials", "max_failed_trials"),
        tag=raw.get("hyperparameterMetricTag") or DEFAULT_TAG,
        early_stopping=raw.get("enableTrialEarlyStopping", False),
        resumes=raw.get("resumePreviousJobId", ""),
    )


def why_not_resumable(spec: TuningSpec, previous: TuningSpec) -> str | None:
    """Say why a search cannot go on with the trials of another one; None when it can."""
    if spec.maximize != previous.maximize:
        return "its goal is another one"
    if {one.name: one.kind for one in spec.parameters} != {one.name: one.kind for one in previous.parameters}:
        return "its parameters have other names or types"
    return None


def _count(raw: Mapping[str, Any], field: str, proto: str) -> int:
    count = int(raw.get(field, 0))
    if count < 0:
        raise BadParameter(proto, "It must not be negative.")
    return count
