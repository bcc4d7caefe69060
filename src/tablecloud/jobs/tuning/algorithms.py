"""Which point of a search space to try next: grid, random, or expected improvement of a Gaussian process.

Pure: the answer depends on the seed, the space and the ordered history alone, so that a service that crashed
derives it again. Contract: ml-jobs-service 2.8.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tablecloud.jobs.tuning.space import (
    Assignment,
    Key,
    Parameter,
    features,
    grid,
    key_of,
    sample,
    size,
    to_unit,
)

_TRIES = 64
"""Random draws before a finite space is searched in order for a point that was not tried."""
_FEWEST, _MOST = 4, 12
"""Observations before the process is fitted: at least, and at most however many dimensions there are."""
_CANDIDATES, _NEIGHBOURS, _LEADERS = 512, 64, 4
_STEP = 0.1
"""Standard deviation of a neighbour's distance, in places."""
_FITTED = 128
"""Observations the process is fitted to, since its cost grows cubically: half of them the best, the others
from good to bad at equal distances, so that what is known to be poor is not looked at again."""


class Algorithm(StrEnum):
    """The ways to search."""

    GRID = "GRID"
    RANDOM = "RANDOM"
    GAUSSIAN = "GAUSSIAN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One trial of the history."""

    assignment: Assignment
    value: float | None = None
    """The objective; None where it is not known yet, or never will be."""
    pending: bool = False
    """It is still running."""


def suggest(
    algorithm: Algorithm,
    *,
    seed: str,
    parameters: Sequence[Parameter],
    history: Sequence[Past],
    maximize: bool,
) -> Assignment | None:
    """Return the next point to try; None where every point of a finite space is in the history.

    A point is never suggested twice in a finite space. Without numpy the Gaussian process is replaced by
    random search.

    Parameters:
        seed: whatever names the search; another one gives other points.
        history: every trial so far, in the order of their creation.
    """
    seen = {key_of(past.assignment) for past in history}
    total = size(parameters)
    if total is not None and len(seen) >= total and _next_of_grid(parameters, seen) is None:
        return None
    if algorithm is Algorithm.GRID:
        return _next_of_grid(parameters, seen)
    generator = random.Random(f"{seed}/{len(history)}")  # noqa: S311  # reproducible, not secret
    if algorithm is Algorithm.GAUSSIAN and process_available():
        known = [past for past in history if past.value is not None]
        dimensions = len(features(parameters, {}))
        if len(known) >= min(max(_FEWEST, dimensions + 1), _MOST):
            return _by_process(generator, parameters, history, seen, maximize)
    return _at_random(generator, parameters, seen)


def process_available() -> bool:
    """Say whether the Gaussian process can be used, which needs numpy."""
    import importlib.util

    return importlib.util.find_spec("numpy") is not None


def _next_of_grid(parameters: Sequence[Parameter], seen: set[Key]) -> Assignment | None:
    return next((point for point in grid(parameters) if key_of(point) not in seen), None)


def _at_random(
    generator: random.Random, parameters: Sequence[Parameter], seen: set[Key]
) -> Assignment | None:
    draws = (sample(parameters, lambda _: generator.random()) for _ in range(_TRIES))
    fresh = next((point for point in draws if key_of(point) not in seen), None)
    return fresh if fresh is not None else _next_of_grid(parameters, seen)


def _by_process(
    generator: random.Random,
    parameters: Sequence[Parameter],
    history: Sequence[Past],
    seen: set[Key],
    maximize: bool,
) -> Assignment | None:
    from tablecloud.jobs.tuning.gaussian import most_promising

    sign = 1.0 if maximize else -1.0
    scored = _scored(history, sign)
    leaders = sorted(scored, key=lambda pair: -pair[1])[:_LEADERS]
    drawn = itertools.chain(
        (sample(parameters, lambda _: generator.random()) for _ in range(_CANDIDATES)),
        _neighbours(generator, parameters, [past.assignment for past, _ in leaders]),
    )
    fresh = {key_of(point): point for point in drawn if key_of(point) not in seen}
    if not fresh:
        return _at_random(generator, parameters, seen)
    candidates = list(fresh.values())
    chosen = _thinned(scored)
    best = most_promising(
        [features(parameters, point) for point in candidates],
        points=[features(parameters, past.assignment) for past, _ in chosen],
        values=[value for _, value in chosen],
        pending=[features(parameters, past.assignment) for past in history if past.pending],
    )
    return candidates[best]


def _scored(history: Sequence[Past], sign: float) -> list[tuple[Past, float]]:
    """Return the ended trials with what is to be maximised; an infeasible one counts as the worst seen."""
    worst = min(sign * past.value for past in history if past.value is not None)
    return [
        (past, worst if past.value is None else sign * past.value) for past in history if not past.pending
    ]


def _thinned(scored: list[tuple[Past, float]]) -> list[tuple[Past, float]]:
    if len(scored) <= _FITTED:
        return scored
    ranked = sorted(scored, key=lambda pair: -pair[1])
    best, rest = ranked[: _FITTED // 2], ranked[_FITTED // 2 :]
    return [*best, *rest[:: math.ceil(len(rest) / (_FITTED // 2))]]


def _neighbours(
    generator: random.Random, parameters: Sequence[Parameter], leaders: Sequence[Assignment]
) -> Iterator[Assignment]:
    """Yield points near the best ones."""
    for leader in leaders:
        for _ in range(_NEIGHBOURS):
            yield sample(parameters, _near(generator, leader))


def _near(generator: random.Random, leader: Assignment) -> Callable[[Parameter], float]:
    def place_of(parameter: Parameter) -> float:
        if parameter.name not in leader or generator.random() < 0.1:
            return generator.random()
        try:
            centre = to_unit(parameter, leader[parameter.name])
        except ValueError:  # a sister of the same name, with other values
            return generator.random()
        return min(max(generator.gauss(centre, _STEP), 0.0), 1.0)

    return place_of
