"""Whether a running trial is not worth going on. Pure. Contract: ml-jobs-service 1.15, 2.8.

A curve is what a trial reported: (step or seconds, objective), in order. Values are compared as they come for
`maximize`, and turned round for its opposite.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, median

Curve = Sequence[tuple[float, float]]

ENOUGH = 5
"""Completed trials before any trial is judged by them."""
_FEWEST_POINTS = 4
"""Of a curve, before its future is guessed."""
_CERTAINTY = 2.0
"""Standard deviations the guess must stay below the best."""


def median_says_stop(curve: Curve, completed: Sequence[Curve], *, maximize: bool) -> bool:
    """Say whether a trial's best is strictly worse than the median of the others' running averages.

    The averages are taken up to where the trial is now; trials without a report by then do not count.
    """
    if not curve:
        return False
    sign = 1.0 if maximize else -1.0
    place = curve[-1][0]
    averages = []
    for other in completed:
        values = [value for at, value in other if at <= place]
        if values:
            # Clamped: the rounded mean of equal numbers may be another one, and equal is not worse.
            averages.append(sign * min(max(fmean(values), min(values)), max(values)))
    if len(averages) < ENOUGH:
        return False
    return max(sign * value for _, value in curve) < median(averages)


def decay_says_stop(curve: Curve, completed: Sequence[Curve], *, maximize: bool) -> bool:
    """Say whether a trial will hardly end better than the best completed one.

    The curve is taken to settle as `a + b / sqrt(x)`: that line is fitted, and read where the longest
    completed trial ended.
    """
    ended = [other for other in completed if other]
    points = [(1.0 / math.sqrt(at), value) for at, value in curve if at > 0]
    if len(ended) < ENOUGH or len(points) < _FEWEST_POINTS:
        return False
    sign = 1.0 if maximize else -1.0
    horizon = max(other[-1][0] for other in ended)
    if horizon <= curve[-1][0]:
        return False
    guess, doubt = _extrapolate([(x, sign * y) for x, y in points], 1.0 / math.sqrt(horizon))
    return guess + _CERTAINTY * doubt < max(sign * other[-1][1] for other in ended)


def _extrapolate(points: list[tuple[float, float]], at: float) -> tuple[float, float]:
    """Return the least-squares line's value at a place, and the standard deviation of its residuals."""
    mean_x, mean_y = fmean(x for x, _ in points), fmean(y for _, y in points)
    width = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / width if width else 0.0
    residuals = [y - mean_y - slope * (x - mean_x) for x, y in points]
    doubt = math.sqrt(sum(one**2 for one in residuals) / (len(points) - 2))
    return mean_y + slope * (at - mean_x), doubt
