"""Early stopping, by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tablecloud.jobs.tuning.early_stopping import decay_says_stop, median_says_stop


def curve(*values: float) -> list[tuple[float, float]]:
    return list(enumerate(values, start=1))


OTHERS = [curve(0.2, 0.4, 0.6)] * 3 + [curve(0.5, 0.5, 0.5)] * 2
"""Running averages up to step 2: 0.3 three times, 0.5 twice: the median is 0.3."""


@pytest.mark.parametrize(
    ("values", "stops"),
    [
        ((0.1, 0.29), True),
        ((0.29, 0.1), True),
        ((0.1, 0.31), False),
        ((0.31, 0.0), False),
        ((), False),
    ],
)
def test_the_best_so_far_against_the_median_of_averages(values: tuple[float, ...], stops: bool) -> None:
    assert median_says_stop(curve(*values), OTHERS, maximize=True) is stops
    turned = [[(at, -value) for at, value in other] for other in OTHERS]
    mine = [(at, -value) for at, value in curve(*values)]
    assert median_says_stop(mine, turned, maximize=False) is stops


def test_equal_is_not_worse() -> None:
    rounds_up = -349525.3401957423  # the rounded mean of three of these is a greater number
    assert not median_says_stop(curve(rounds_up), [curve(*[rounds_up] * 3)] * 5, maximize=True)
    same = [curve(0.5, 0.5)] * 5
    assert not median_says_stop(curve(0.5), same, maximize=True)
    assert median_says_stop(curve(0.49), same, maximize=True)


def test_too_few_others_stop_nobody() -> None:
    assert not median_says_stop(curve(-9.0, -9.0), OTHERS[:4], maximize=True)
    late = [[(100.0, 1.0)]] * 9
    assert not median_says_stop(curve(-9.0), late, maximize=True)
    assert not median_says_stop(curve(-9.0, -9.0), [*OTHERS[:4], []], maximize=True)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6), st.booleans())
def test_the_best_trial_there_is_is_never_stopped(values: list[float], maximize: bool) -> None:
    others = [curve(*values)] * 7
    best = max(values) if maximize else min(values)
    assert not median_says_stop(curve(*([best] * len(values))), others, maximize=maximize)


def settling(limit: float, count: int) -> list[tuple[float, float]]:
    return [(step, limit - 1.0 / step**0.5) for step in range(1, count + 1)]


def test_a_curve_that_settles_too_low_is_stopped() -> None:
    others = [settling(0.9, 100)] * 5
    assert decay_says_stop(settling(0.5, 20), others, maximize=True)
    assert not decay_says_stop(settling(0.95, 20), others, maximize=True)
    assert not decay_says_stop(settling(0.5, 3), others, maximize=True)
    assert not decay_says_stop(settling(0.5, 20), others[:4], maximize=True)
    assert not decay_says_stop(settling(0.5, 200), others, maximize=True)


def test_a_wild_curve_is_given_the_benefit_of_the_doubt() -> None:
    others = [settling(0.9, 100)] * 5
    wild = [(step, 0.5 + (-1) ** step) for step in range(1, 21)]
    assert not decay_says_stop(wild, others, maximize=True)
