"""The search algorithms: determinism, no point twice, and a process that finds what chance does not."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tablecloud.jobs.tuning import algorithms
from tablecloud.jobs.tuning.algorithms import Algorithm, Past, suggest
from tablecloud.jobs.tuning.gaussian import most_promising
from tablecloud.jobs.tuning.space import Assignment, Child, Kind, Parameter, Scale, allows, key_of

X = Parameter(name="x", kind=Kind.DOUBLE, low=-2.0, high=3.0)
RATE = Parameter(name="rate", kind=Kind.DOUBLE, low=1e-5, high=1.0, scale=Scale.LOG)
N = Parameter(name="n", kind=Kind.INTEGER, low=1, high=3)
KIND = Parameter(name="kind", kind=Kind.CATEGORICAL, values=("a", "b"))
SPACES = {
    "numbers": (X, RATE),
    "finite": (N, KIND),
    "mixed": (X, N, KIND),
    "nested": (
        Parameter(
            name="model",
            kind=Kind.CATEGORICAL,
            values=("one", "two"),
            children=(Child(parameter=X, matching=frozenset({"two"})),),
        ),
        N,
    ),
}


def run(algorithm: Algorithm, parameters, count: int, objective, *, seed: str = "s", maximize: bool = True):
    past: list[Past] = []
    for _ in range(count):
        point = suggest(algorithm, seed=seed, parameters=parameters, history=past, maximize=maximize)
        if point is None:
            break
        past.append(Past(assignment=point, value=objective(point)))
    return past


def bowl(point: Assignment) -> float:
    return -((float(point.get("x", 0.0)) - 1.234) ** 2)


HISTORIES = st.lists(
    st.tuples(st.one_of(st.none(), st.floats(-1e300, 1e300)), st.booleans()), min_size=0, max_size=16
)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(SPACES)), st.sampled_from(Algorithm), HISTORIES, st.text(), st.booleans())
def test_a_suggestion_is_a_pure_function_and_lies_in_the_space(
    space: str, algorithm: Algorithm, ends: list[tuple[float | None, bool]], seed: str, maximize: bool
) -> None:
    if algorithm is Algorithm.GRID and space != "finite":
        return
    parameters = SPACES[space]
    past: list[Past] = []
    for value, pending in ends:
        asked = {"seed": seed, "parameters": parameters, "history": past, "maximize": maximize}
        point = suggest(algorithm, **asked)
        assert point == suggest(algorithm, **asked)
        if point is None:
            assert space == "finite" and len(past) == 6
            return
        for parameter in parameters:
            assert allows(parameter, point[parameter.name])
        assert key_of(point) not in {key_of(one.assignment) for one in past}
        past.append(Past(assignment=point, value=None if pending else value, pending=pending))


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_finite_space_is_tried_point_by_point_and_then_over(algorithm: Algorithm) -> None:
    past = run(algorithm, SPACES["finite"], 50, lambda point: float(point["n"]))
    assert len({key_of(one.assignment) for one in past}) == len(past) == 6


def test_a_grid_goes_in_order_and_over_what_was_tried_before() -> None:
    past = [Past(assignment={"n": 1, "kind": "b"}), Past(assignment={"n": 9, "kind": "z"})]
    found = []
    while (
        point := suggest(Algorithm.GRID, seed="", parameters=(N, KIND), history=past, maximize=True)
    ) is not None:
        found.append((point["n"], point["kind"]))
        past.append(Past(assignment=point))
    assert found == [(1, "a"), (2, "a"), (2, "b"), (3, "a"), (3, "b")]


def test_other_seeds_give_other_points() -> None:
    points = {run(Algorithm.RANDOM, (X,), 1, bowl, seed=str(n))[0].assignment["x"] for n in range(20)}
    assert len(points) == 20


@pytest.mark.parametrize("maximize", [True, False])
def test_the_process_homes_in(maximize: bool) -> None:
    sign = 1.0 if maximize else -1.0
    past = run(Algorithm.GAUSSIAN, (X,), 20, lambda point: sign * bowl(point), maximize=maximize)
    best = max(past, key=lambda one: sign * (one.value or 0.0))
    assert best.assignment["x"] == pytest.approx(1.234, abs=0.02)


def test_the_process_beats_random_search_in_several_dimensions() -> None:
    parameters = (X, RATE, KIND)

    def objective(point: Assignment) -> float:
        bonus = 0.5 if point["kind"] == "b" else 0.0
        return bowl(point) - (math.log10(float(point["rate"])) + 2.5) ** 2 + bonus

    def regret(algorithm: Algorithm, seed: str) -> float:
        return 0.5 - max(one.value or -1e9 for one in run(algorithm, parameters, 30, objective, seed=seed))

    seeds = ("a", "b", "c")
    process = sum(regret(Algorithm.GAUSSIAN, seed) for seed in seeds)
    chance = sum(regret(Algorithm.RANDOM, seed) for seed in seeds)
    assert process < chance / 4


def test_trials_that_run_are_kept_away_from() -> None:
    past = run(Algorithm.GAUSSIAN, (X,), 12, bowl)
    batch: list[float] = []
    for _ in range(4):
        point = suggest(Algorithm.GAUSSIAN, seed="s", parameters=(X,), history=past, maximize=True)
        assert point is not None
        batch.append(float(point["x"]))
        past.append(Past(assignment=point, pending=True))
    assert len({round(x, 6) for x in batch}) == 4


def test_what_is_believed_of_a_running_trial_takes_its_promise_away() -> None:
    points, values = [[0.0], [0.2], [0.8], [1.0]], [0.0, 0.6, 0.5, 0.0]
    candidates = [[0.45], [0.1], [0.95]]
    assert most_promising(candidates, points=points, values=values) == 0
    assert most_promising(candidates, points=points, values=values, pending=[[0.45]]) != 0


def test_infeasible_trials_are_kept_away_from() -> None:
    def half(point: Assignment) -> float | None:
        return None if float(point["x"]) > 1.0 else bowl(point)

    past = run(Algorithm.GAUSSIAN, (X,), 24, half)
    late = [float(one.assignment["x"]) for one in past[12:]]
    assert sum(x > 1.3 for x in late) < len(late) / 2


def test_constant_and_extreme_values_are_no_trouble() -> None:
    for value in (0.0, 1e308, -1e308, 5e-324):
        assert len(run(Algorithm.GAUSSIAN, (X, N), 10, lambda _, value=value: value)) == 10


def test_a_long_history_is_thinned() -> None:
    past = [Past(assignment={"x": -2.0 + n / 200}, value=-((n - 500) ** 2)) for n in range(999)]
    point = suggest(Algorithm.GAUSSIAN, seed="s", parameters=(X,), history=past, maximize=True)
    assert point is not None and point["x"] == pytest.approx(0.5, abs=0.3)


def test_without_numpy_the_search_is_random(monkeypatch: pytest.MonkeyPatch) -> None:
    past = run(Algorithm.RANDOM, (X,), 15, bowl)
    by_chance = suggest(Algorithm.RANDOM, seed="s", parameters=(X,), history=past, maximize=True)
    process = suggest(Algorithm.GAUSSIAN, seed="s", parameters=(X,), history=past, maximize=True)
    assert process != by_chance
    monkeypatch.setattr(algorithms, "process_available", lambda: False)
    assert suggest(Algorithm.GAUSSIAN, seed="s", parameters=(X,), history=past, maximize=True) == by_chance
