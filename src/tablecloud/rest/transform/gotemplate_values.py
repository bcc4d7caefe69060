"""Values as Go's templates see them: kinds, truth, how they print, how they become JSON.

Contract: reflect.Kind, text/template's truth, fmt's %v and encoding/json's Marshal. One thing is better
than in Go, where every JSON number is a float64: integers stay exact, and print as integers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from json.encoder import encode_basestring

from tablecloud.errors import TransformError
from tablecloud.rest.transform.gotemplate_nodes import GoInt

_DEEPEST = 200
_HTML = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


@dataclass(frozen=True, slots=True)
class GoFunction:
    """A function as a value, for `call`; only this package makes them."""

    run: Callable[[], str]


def kind_of(value: object) -> str:
    """Return Go's kind of a value: map, slice, string, float64, int, bool, func; invalid for nil."""
    if value is None:
        return "invalid"
    for type_, kind in _KINDS:
        if isinstance(value, type_):
            return kind
    raise TransformError(f"a transform met a value of type {type(value).__name__}, which is not JSON")


def type_of(value: object) -> str:
    """Return Go's name of a value's type."""
    return _TYPES.get(kind_of(value), kind_of(value))


def is_true(value: object) -> bool:
    """Return whether a value is neither nil nor zero nor empty."""
    return value is not None and (isinstance(value, GoFunction) or bool(value))


def print_value(value: object) -> str:
    """Return what an action writes for a value."""
    return "<no value>" if value is None else show(value)


def show(value: object, depth: int = 0) -> str:
    """Return a value as `%v` does: maps by key, `map[a:1]`, lists `[1 2]`, nil `<nil>`."""
    if isinstance(value, str):
        return value
    _check_depth(depth)
    if isinstance(value, dict):
        pairs = (f"{key}:{show(value[key], depth + 1)}" for key in sorted(value))
        return f"map[{' '.join(pairs)}]"
    if isinstance(value, list):
        return f"[{' '.join(show(item, depth + 1) for item in value)}]"
    return _show_scalar(value)


def _show_scalar(value: object) -> str:
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return decimal(value)
    if isinstance(value, float):
        return show_float(value)
    kind_of(value)
    return "0x0"


def decimal(value: int) -> str:
    """Return an integer's digits.

    Raises:
        TransformError: it has more digits than Python writes.
    """
    try:
        return int.__repr__(value)
    except ValueError:
        raise TransformError("a transform met a number of thousands of digits") from None


def show_float(value: float) -> str:
    """Return a float as Go's `%v`: the fewest digits, an exponent from 1e+06 and below 1e-04."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    sign, digits, exponent = _shortest(value)
    if exponent < -4 or exponent >= 6:
        return _scientific(sign, digits, exponent)
    return _plain(sign, digits, exponent)


def to_json(value: object, depth: int = 0) -> str:
    """Return a value as JSON text: compact, keys sorted, `<`, `>` and `&` escaped.

    Raises:
        TransformError: a number that JSON has not, or nesting that is too deep.
    """
    if isinstance(value, str):
        return encode_basestring(value).translate(_HTML)
    _check_depth(depth)
    if isinstance(value, dict):
        members = (f"{to_json(key)}:{to_json(value[key], depth + 1)}" for key in sorted(value))
        return f"{{{','.join(members)}}}"
    if isinstance(value, list):
        return f"[{','.join([to_json(item, depth + 1) for item in value])}]"
    if value is None:
        return "null"
    if isinstance(value, float):
        return _json_float(value)
    if isinstance(value, GoFunction):
        raise TransformError("a transform makes JSON of a function")
    return _show_scalar(value)


def _json_float(value: float) -> str:
    if not math.isfinite(value):
        raise TransformError("a transform makes JSON of a number that is not finite")
    sign, digits, exponent = _shortest(value)
    if value and not -6 <= exponent < 21:
        # Marshal writes e-9 where fmt writes e-09.
        return _scientific(sign, digits, exponent).replace("e-0", "e-")
    return _plain(sign, digits, exponent)


def _shortest(value: float) -> tuple[str, str, int]:
    """Return sign, the fewest digits that mean this float, and the exponent of the first."""
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    first = len(whole) - 1 - (len(whole + fraction) - len(digits)) + int(exponent or 0)
    digits = digits.rstrip("0")
    return (sign, digits, first) if digits else (sign, "0", 0)


def _scientific(sign: str, digits: str, exponent: int) -> str:
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _plain(sign: str, digits: str, exponent: int) -> str:
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    whole, fraction = digits[: exponent + 1].ljust(exponent + 1, "0"), digits[exponent + 1 :]
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def _check_depth(depth: int) -> None:
    if depth > _DEEPEST:
        raise TransformError("a transform met a value that is nested too deeply")


# The order matters: a bool is an int, and a GoInt too.
_KINDS: tuple[tuple[type, str], ...] = (
    (str, "string"),
    (bool, "bool"),
    (dict, "map"),
    (list, "slice"),
    (GoInt, "int"),
    (int, "float64"),
    (float, "float64"),
    (GoFunction, "func"),
)
_TYPES = {
    "map": "map[string]interface {}",
    "slice": "[]interface {}",
    "func": "func() string",
    "invalid": "<nil>",
}
