"""A StudyConfig, read and checked. Pure. Contract: ml-jobs-service 1.15."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tablecloud.jobs.tuning.algorithms import Algorithm
from tablecloud.jobs.tuning.parameters import BadParameter, study_parameters
from tablecloud.jobs.tuning.space import Kind, Parameter, flat

_ALGORITHMS = {"GRID_SEARCH": Algorithm.GRID, "RANDOM_SEARCH": Algorithm.RANDOM}


class Stopping(StrEnum):
    """The rules of early stopping."""

    NONE = "none"
    MEDIAN = "median"
    DECAY = "decay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One objective."""

    name: str
    maximize: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySpec:
    """What a study searches, and how."""

    parameters: tuple[Parameter, ...]
    metrics: tuple[Metric, ...]
    algorithm: Algorithm
    stopping: Stopping
    by_elapsed_time: bool
    """Early stopping compares trials by their elapsed seconds, not by their steps."""


def read_config(config: Mapping[str, Any]) -> StudySpec:
    """Return what a StudyConfig says.

    Parameters:
        config: canonical.

    Raises:
        BadParameter: a rule is broken; `field` is a path below `study_config`.
    """
    parameters = study_parameters(config.get("parameters", ()))
    algorithm = _ALGORITHMS.get(config.get("algorithm", ""), Algorithm.GAUSSIAN)
    if algorithm is Algorithm.GRID and any(one.kind is Kind.DOUBLE for one in flat(parameters)):
        raise BadParameter("algorithm", "GRID_SEARCH cannot search parameters of type DOUBLE.")
    stopping, by_elapsed_time = _stopping(config.get("automatedStoppingConfig", {}))
    return StudySpec(
        parameters=parameters,
        metrics=_metrics(config),
        algorithm=algorithm,
        stopping=stopping,
        by_elapsed_time=by_elapsed_time,
    )


def _metrics(config: Mapping[str, Any]) -> tuple[Metric, ...]:
    found: list[Metric] = []
    for index, document in enumerate(config.get("metrics", ())):
        name = document.get("metric", "")
        if not name:
            raise BadParameter(f"metrics[{index}].metric", "A metric needs a name.")
        if any(name == one.name for one in found):
            raise BadParameter(f"metrics[{index}].metric", f"The metric {name[:200]} is given twice.")
        if document.get("goal") not in ("MAXIMIZE", "MINIMIZE"):
            raise BadParameter(f"metrics[{index}].goal", "The goal must be MAXIMIZE or MINIMIZE.")
        found.append(Metric(name=name, maximize=document["goal"] == "MAXIMIZE"))
    if not found:
        raise BadParameter("metrics", "At least one metric is required.")
    return tuple(found)


def _stopping(config: Mapping[str, Any]) -> tuple[Stopping, bool]:
    given = [
        (rule, config[name])
        for name, rule in (
            ("medianAutomatedStoppingConfig", Stopping.MEDIAN),
            ("decayCurveStoppingConfig", Stopping.DECAY),
        )
        if name in config
    ]
    if len(given) > 1:
        raise BadParameter("automated_stopping_config", "Only one rule of early stopping may be set.")
    if not given:
        return Stopping.NONE, False
    rule, settings = given[0]
    return rule, settings.get("useElapsedTime", False)
