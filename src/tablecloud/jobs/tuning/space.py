"""Search spaces: parameters, their places in the unit interval, the points of a grid. Pure.

A parameter may have children, which exist only where its own value is one of theirs to match (studies have
them, jobs do not). Contract: ml-jobs-service 1.15, 2.8.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

Value = float | int | str
"""Of a parameter: `int` for INTEGER, `str` for CATEGORICAL, `float` for the others."""
Assignment = dict[str, Value]
"""The values of the parameters that exist, by name."""
Key = tuple[tuple[str, Value], ...]
"""An assignment that can be a member of a set."""


class Kind(StrEnum):
    """What values a parameter has; the names are the API's."""

    DOUBLE = "DOUBLE"
    INTEGER = "INTEGER"
    CATEGORICAL = "CATEGORICAL"
    DISCRETE = "DISCRETE"


class Scale(StrEnum):
    """How a range is spread over the unit interval."""

    LINEAR = "LINEAR"
    LOG = "LOG"
    REVERSE_LOG = "REVERSE_LOG"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter: a range (`low`, `high`, `scale`) or a list (`values`)."""

    name: str
    kind: Kind
    low: float = 0.0
    high: float = 0.0
    values: tuple[Value, ...] = ()
    scale: Scale = Scale.LINEAR
    children: tuple[Child, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A parameter that exists where its parent has one of the values."""

    parameter: Parameter
    matching: frozenset[Value]


def from_unit(parameter: Parameter, place: float) -> Value:
    """Return the value at a place between 0 and 1."""
    if parameter.values:
        index = min(int(place * len(parameter.values)), len(parameter.values) - 1)
        return parameter.values[index]
    if parameter.kind is Kind.INTEGER:
        return _integer_at(parameter, place)
    value = _stretch(parameter.low, parameter.high, parameter.scale, place)
    return min(max(value, parameter.low), parameter.high)


def to_unit(parameter: Parameter, value: Value) -> float:
    """Return the place of a value; `from_unit` of it is the value again, but for the rounding of DOUBLE.

    Raises:
        ValueError: the parameter has no such value.
    """
    if parameter.values:
        return (parameter.values.index(value) + 0.5) / len(parameter.values)
    number = float(value)
    if not parameter.low <= number <= parameter.high:
        raise ValueError(f"{parameter.name} has no value {value}")
    if parameter.kind is not Kind.INTEGER:
        return _squeeze(parameter.low, parameter.high, parameter.scale, number)
    # Each integer owns an interval of places; its middle stands for it.
    if parameter.scale is Scale.REVERSE_LOG:
        mirrored = parameter.low + parameter.high - number
        return 1.0 - _squeeze(parameter.low, parameter.high + 1, Scale.LOG, mirrored + 0.5)
    return _squeeze(parameter.low, parameter.high + 1, parameter.scale, number + 0.5)


def text_of(value: Value) -> str:
    """Return a value as a program's argument: whole numbers plain, others with up to 17 digits."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e16 else f"{value:.17g}"
    return str(value)


def allows(parameter: Parameter, value: Value) -> bool:
    """Say whether a parameter may have a value."""
    if parameter.values:
        return value in parameter.values
    if isinstance(value, str) or not parameter.low <= value <= parameter.high:
        return False
    return parameter.kind is not Kind.INTEGER or float(value).is_integer()


def sample(parameters: Sequence[Parameter], place_of: Callable[[Parameter], float]) -> Assignment:
    """Return an assignment made of one place for each parameter that exists, asked for in order."""
    found: Assignment = {}
    for parameter in parameters:
        value = from_unit(parameter, place_of(parameter))
        found[parameter.name] = value
        found |= sample(_present(parameter, value), place_of)
    return found


def existing(parameters: Sequence[Parameter], assignment: Mapping[str, Value]) -> list[Parameter]:
    """Return the parameters that exist under an assignment, in order; unassigned ones included."""
    found: list[Parameter] = []
    for parameter in parameters:
        found.append(parameter)
        if parameter.name in assignment:
            found += existing(_present(parameter, assignment[parameter.name]), assignment)
    return found


def flat(parameters: Sequence[Parameter]) -> list[Parameter]:
    """Return every parameter, children after their parents, whether or not it exists under any one value."""
    found: list[Parameter] = []
    for parameter in parameters:
        found.append(parameter)
        found += flat([child.parameter for child in parameter.children])
    return found


def size(parameters: Sequence[Parameter]) -> int | None:
    """Return how many points a space has; None where a range of real numbers makes them uncountable."""
    total = 1
    for parameter in parameters:
        own = _own_size(parameter)
        if own is None:
            return None
        total *= own
    return total


def grid(parameters: Sequence[Parameter]) -> Iterator[Assignment]:
    """Yield every point of a space without ranges of real numbers; the last parameter changes fastest."""
    if not parameters:
        yield {}
        return
    first, rest = parameters[0], parameters[1:]
    for value in _own_values(first):
        # Not itertools.product, which would first build every point of a space of millions.
        for below in grid(_present(first, value)):
            for beside in grid(rest):
                yield {first.name: value, **below, **beside}


def features(parameters: Sequence[Parameter], assignment: Mapping[str, Value]) -> list[float]:
    """Return a point of the unit cube that stands for an assignment.

    A category takes one dimension for each of its values, so that all are equally far apart. A parameter that
    does not exist is in the middle.
    """
    place: list[float] = []
    for parameter in flat(parameters):
        value = assignment.get(parameter.name)
        known = value is not None and allows(parameter, value)
        if parameter.kind is Kind.CATEGORICAL:
            place += [float(known and one == value) for one in parameter.values]
        else:
            place.append(to_unit(parameter, value) if known and value is not None else 0.5)
    return place


def key_of(assignment: Mapping[str, Value]) -> Key:
    """Return what tells two assignments apart."""
    return tuple(sorted(assignment.items()))


def _present(parameter: Parameter, value: Value) -> list[Parameter]:
    return [child.parameter for child in parameter.children if value in child.matching]


def _own_values(parameter: Parameter) -> Sequence[Value]:
    if parameter.values:
        return parameter.values
    if parameter.kind is Kind.DOUBLE:
        return (parameter.low,)
    return range(int(parameter.low), int(parameter.high) + 1)


def _own_size(parameter: Parameter) -> int | None:
    """Return the points of a parameter and its children."""
    if parameter.kind is Kind.DOUBLE:
        return 1 if parameter.low == parameter.high else None
    values = _own_values(parameter)
    if not parameter.children:
        return len(values)
    # Only values that a child matches need a look; a range may have millions of others.
    special = {value for child in parameter.children for value in child.matching if value in values}
    total = len(values) - len(special)
    for value in special:
        below = size(_present(parameter, value))
        if below is None:
            return None
        total += below
    return total


def _integer_at(parameter: Parameter, place: float) -> int:
    low, high = int(parameter.low), int(parameter.high)
    if parameter.scale is Scale.REVERSE_LOG:
        mirrored = math.floor(_stretch(low, high + 1, Scale.LOG, 1.0 - place))
        return low + high - min(max(mirrored, low), high)
    value = math.floor(_stretch(low, high + 1, parameter.scale, place))
    return min(max(value, low), high)


def _stretch(low: float, high: float, scale: Scale, place: float) -> float:
    if scale is Scale.LINEAR:
        return low * (1.0 - place) + high * place
    if scale is Scale.LOG:
        return math.exp(math.log(low) * (1.0 - place) + math.log(high) * place)
    # A sum before a difference would overflow; low + (high - x) stays in the range.
    return low + (high - _stretch(low, high, Scale.LOG, 1.0 - place))


def _squeeze(low: float, high: float, scale: Scale, value: float) -> float:
    if scale is Scale.LINEAR:
        # Halved, because the width of the widest range is no finite number.
        return _share(value / 2 - low / 2, high / 2 - low / 2)
    if scale is Scale.LOG:
        return _share(math.log(value) - math.log(low), math.log(high) - math.log(low))
    return 1.0 - _squeeze(low, high, Scale.LOG, min(max(low + (high - value), low), high))


def _share(part: float, whole: float) -> float:
    """Return a part of a width; the middle where the width is too small for a number."""
    return min(max(part / whole, 0.0), 1.0) if whole > 0.0 else 0.5
