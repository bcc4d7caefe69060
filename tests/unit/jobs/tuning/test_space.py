"""Search spaces: what their rules promise, for any space."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tablecloud.jobs.tuning.space import (
    Assignment,
    Child,
    Kind,
    Parameter,
    Scale,
    allows,
    existing,
    features,
    from_unit,
    grid,
    key_of,
    sample,
    size,
    text_of,
    to_unit,
)

PLACES = st.floats(0.0, 1.0)
SCALES = st.sampled_from(Scale)
NUMBERS = st.floats(-1e308, 1e308)


@st.composite
def doubles(draw: st.DrawFn) -> Parameter:
    scale = draw(SCALES)
    bounds = NUMBERS if scale is Scale.LINEAR else st.floats(1e-300, 1e300)
    low, high = sorted((draw(bounds), draw(bounds)))
    return Parameter(name="d", kind=Kind.DOUBLE, low=low, high=high, scale=scale)


@st.composite
def integers(draw: st.DrawFn, widest: int = 10**6) -> Parameter:
    scale = draw(SCALES)
    low = draw(st.integers(-(10**9) if scale is Scale.LINEAR else 1, 10**6))
    high = low + draw(st.integers(0, widest))
    return Parameter(name="i", kind=Kind.INTEGER, low=low, high=high, scale=scale)


LISTS = st.one_of(
    st.lists(NUMBERS, min_size=1, max_size=9, unique=True).map(
        lambda values: Parameter(name="v", kind=Kind.DISCRETE, values=tuple(sorted(values)))
    ),
    st.lists(st.text(), min_size=1, max_size=9, unique=True).map(
        lambda values: Parameter(name="c", kind=Kind.CATEGORICAL, values=tuple(values))
    ),
)


@given(st.one_of(doubles(), integers(), LISTS), PLACES)
def test_every_place_is_an_allowed_value(parameter: Parameter, place: float) -> None:
    value = from_unit(parameter, place)
    assert allows(parameter, value)
    assert 0.0 <= to_unit(parameter, value) <= 1.0


@given(st.one_of(integers(), LISTS), PLACES)
def test_a_listed_or_whole_value_finds_its_way_back(parameter: Parameter, place: float) -> None:
    value = from_unit(parameter, place)
    assert from_unit(parameter, to_unit(parameter, value)) == value


@given(doubles(), PLACES)
def test_a_double_finds_its_way_back_but_for_rounding(parameter: Parameter, place: float) -> None:
    value = from_unit(parameter, place)
    again = from_unit(parameter, to_unit(parameter, value))
    # Relative to the bounds: a reverse scale works with what is left to the upper one.
    near = max(1e-9 * max(abs(parameter.low), abs(parameter.high)), 1e-300)
    assert again == pytest.approx(value, rel=1e-9, abs=near)


@given(st.one_of(doubles(), integers()), PLACES, PLACES)
def test_order_is_kept(parameter: Parameter, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert from_unit(parameter, low) <= from_unit(parameter, high)


@given(integers(widest=12))
def test_every_integer_can_be_drawn(parameter: Parameter) -> None:
    values = [from_unit(parameter, number / 5000) for number in range(5001)]
    assert set(values) == set(range(int(parameter.low), int(parameter.high) + 1))


def test_ranges_too_narrow_for_their_width_to_be_a_number() -> None:
    for low, high, scale in ((0.0, 5e-324, Scale.LINEAR), (1e-300, 1.0000000000000002e-300, Scale.LOG)):
        narrow = Parameter(name="x", kind=Kind.DOUBLE, low=low, high=high, scale=scale)
        assert to_unit(narrow, low) == 0.5


def test_scales_spread_a_range() -> None:
    def middle(scale: Scale) -> float:
        return float(from_unit(Parameter(name="x", kind=Kind.DOUBLE, low=1, high=100, scale=scale), 0.5))

    assert middle(Scale.LINEAR) == 50.5
    assert middle(Scale.LOG) == pytest.approx(10.0)
    assert middle(Scale.REVERSE_LOG) == pytest.approx(91.0)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_a_double_is_read_as_the_same_double(value: float) -> None:
    assert float(text_of(value)) == value


def test_texts() -> None:
    # The first is as the live service printed one.
    assert text_of(0.084746223688125608) == "0.084746223688125608"
    assert [text_of(value) for value in (4.0, 1e22, -0.5, 78, "a b")] == ["4", "1e+22", "-0.5", "78", "a b"]


LAYERS = Parameter(name="layers", kind=Kind.INTEGER, low=1, high=3)
WIDTH = Parameter(name="width", kind=Kind.DISCRETE, values=(1.0, 2.0))
MODEL = Parameter(
    name="model",
    kind=Kind.CATEGORICAL,
    values=("linear", "deep"),
    children=(
        Child(parameter=LAYERS, matching=frozenset({"deep"})),
        Child(parameter=WIDTH, matching=frozenset({"deep", "linear"})),
    ),
)


def test_children_exist_where_their_parent_says() -> None:
    assert existing([MODEL], {"model": "linear"}) == [MODEL, WIDTH]
    assert existing([MODEL], {"model": "deep"}) == [MODEL, LAYERS, WIDTH]
    assert existing([MODEL], {}) == [MODEL]
    points = list(grid([MODEL]))
    assert points[:2] == [{"model": "linear", "width": 1.0}, {"model": "linear", "width": 2.0}]
    assert len(points) == len({key_of(point) for point in points}) == size([MODEL]) == 2 + 6


@st.composite
def finite(draw: st.DrawFn, name: str = "p") -> Parameter:
    """A parameter of categories and its children, each of which has a name of its own."""
    values = draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True))
    children = []
    for number in range(draw(st.integers(0, 2)) if len(name) < 4 else 0):
        matching = draw(st.sets(st.sampled_from(values), min_size=1))
        child = draw(finite(f"{name}.{number}"))
        children.append(Child(parameter=child, matching=frozenset(matching)))
    return Parameter(name=name, kind=Kind.CATEGORICAL, values=tuple(values), children=tuple(children))


@given(
    st.one_of(finite().map(lambda one: [one]), st.tuples(finite("p"), finite("q")).map(list)), st.integers()
)
def test_the_grid_has_as_many_points_as_the_space_and_every_sample(
    parameters: list[Parameter], seed: int
) -> None:
    points = {key_of(point) for point in grid(parameters)}
    assert len(points) == size(parameters)
    generator = random.Random(seed)
    drawn: Assignment = sample(parameters, lambda _: generator.random())
    assert key_of(drawn) in points
    assert len(features(parameters, drawn)) == len(features(parameters, {}))


def test_a_space_of_millions_is_walked_without_being_built() -> None:
    wide = Parameter(name="n", kind=Kind.INTEGER, low=0, high=10**15)
    assert next(grid([wide, wide])) == {"n": 0}
    assert size([wide, MODEL]) == (10**15 + 1) * 8
    assert size([Parameter(name="x", kind=Kind.DOUBLE, low=0, high=1)]) is None
    assert size([Parameter(name="x", kind=Kind.DOUBLE, low=1, high=1), LAYERS]) == 3


def test_features_keep_categories_equally_far_apart() -> None:
    one = features([MODEL], {"model": "linear", "width": 1.0})
    assert one == [1.0, 0.0, 0.5, 0.25]
    other = features([MODEL], {"model": "deep", "layers": 3, "width": 1.0})
    assert math.dist(one[:2], other[:2]) == pytest.approx(math.sqrt(2))


def test_values_that_are_not_allowed() -> None:
    assert not allows(LAYERS, 4)
    assert not allows(LAYERS, 1.5)
    assert not allows(LAYERS, "1")
    assert not allows(MODEL, "wide")
    with pytest.raises(ValueError):
        to_unit(LAYERS, 4)
