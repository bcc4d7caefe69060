"""A filter as a predicate over resource documents. Pure.

Contract: ml-jobs-service 1.7: what each operator means, verified there against an oracle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tablecloud.jobs.wire.filter_grammar import (
    Both,
    Comparison,
    Either,
    Expression,
    Not,
    Word,
    parse_filter,
    refused,
)
from tablecloud.jobs.wire.patterns import PatternError, compile_pattern
from tablecloud.jobs.wire.schemas import JsonObject, camel_case
from tablecloud.jobs.wire.times import parse_moment, parse_timestamp

Predicate = Callable[[JsonObject], bool]
Test = Callable[[str], bool]
"""Of one scalar, as text."""


def compile_filter(text: str, *, now: float) -> Predicate | None:
    """Return the predicate of a filter; None where it is blank.

    Parameters:
        text: the expression.
        now: seconds since the epoch that `-P1D` counts from.

    Raises:
        ApiError: INVALID_ARGUMENT on the field `filter`.
    """
    tree = parse_filter(text)
    return None if tree is None else compile_tree(tree, now=now)


def compile_tree(tree: Expression, *, now: float) -> Predicate:
    """Return the predicate of a filter that was parsed, and perhaps rewritten; errors as `compile_filter`."""
    return _compile(tree, now)


def _compile(tree: Expression, now: float) -> Predicate:
    match tree:
        case Not(term=term):
            inner = _compile(term, now)
            return lambda document: not inner(document)
        case Both(terms=terms):
            parts = [_compile(term, now) for term in terms]
            return lambda document: all(part(document) for part in parts)
        case Either(terms=terms):
            parts = [_compile(term, now) for term in terms]
            return lambda document: any(part(document) for part in parts)
        case Word(text=word):
            contains = _has_test(word)
            return lambda document: any(contains(text) for text in _scalars(document))
        case Comparison():
            return _compile_comparison(tree, now)


def _compile_comparison(term: Comparison, now: float) -> Predicate:
    operator = term.operator.removeprefix("!")
    key = term.key
    if operator == ":" and term.values == ("*",):
        return lambda document: any(_present(value) for value in _reach(document, key))
    tests = [_test(operator, value, now) for value in term.values]

    def holds(document: JsonObject) -> bool:
        return any(test(text) for value in _reach(document, key) for text in _faces(value) for test in tests)

    if term.operator.startswith("!"):
        return lambda document: not holds(document)
    return holds


def _test(operator: str, value: str, now: float) -> Test:
    if operator == ":":
        return _has_test(value)
    if operator == "~":
        try:
            return compile_pattern(value).search
        except PatternError as error:
            raise refused(f"Invalid regular expression: {error}.") from None
    return _ordered_test(operator, value, now)


def _has_test(value: str) -> Test:
    """Return the test of `:`: case-insensitive; one `*` stands for anything there, none means substring."""
    wanted = value.casefold()
    if wanted.count("*") > 1:
        raise refused(f"At most one * expected in a : pattern [{value}].")
    head, star, tail = wanted.partition("*")
    if not star:
        return lambda text: wanted in text.casefold()
    length = len(head) + len(tail)

    def matches(text: str) -> bool:
        text = text.casefold()
        return len(text) >= length and text.startswith(head) and text.endswith(tail)

    return matches


_ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: bool(a == b),
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}


def _ordered_test(operator: str, value: str, now: float) -> Test:
    """Compare as times, else as numbers, else as text without case: the first that both sides are."""
    compare = _ORDERINGS[operator]
    wanted_time, wanted_number, wanted_text = _moment(value, now), _number(value), value.casefold()

    def matches(text: str) -> bool:
        if wanted_time is not None and (time := _stamp(text)) is not None:
            return compare(time, wanted_time)
        if wanted_number is not None and (number := _number(text)) is not None:
            return compare(number, wanted_number)
        return compare(text.casefold(), wanted_text)

    return matches


def _moment(text: str, now: float) -> int | None:
    try:
        return parse_moment(text, now=now)
    except (ValueError, OverflowError):
        return None


def _stamp(text: str) -> int | None:
    try:
        return parse_timestamp(text)
    except (ValueError, OverflowError):
        return None


def _number(text: str) -> float | None:
    if not text[-1:].isdigit():  # keeps "nan", "inf" and "1_0" spellings out of the arithmetic
        return None
    try:
        return float(text) if "_" not in text else None
    except ValueError:
        return None


def _present(value: object) -> bool:
    return value is not None and value != "" and value != [] and value != {}


def _reach(value: object, key: tuple[str, ...]) -> Iterator[object]:
    """Yield what a dotted key names: repeated fields are mapped through, names may be in either spelling."""
    if isinstance(value, list):
        for item in value:
            yield from _reach(item, key)
    elif not key:
        yield value
    elif isinstance(value, dict):
        name = key[0] if key[0] in value else camel_case(key[0])
        if name in value:
            yield from _reach(value[name], key[1:])


def _faces(value: object) -> Iterator[str]:
    """Yield the texts an operator sees: of a map or message its names, of a scalar its JSON spelling."""
    if isinstance(value, dict):
        yield from value
    elif value is not None:
        yield _text(value)


def _scalars(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _scalars(item)
    elif isinstance(value, list):
        for item in value:
            yield from _scalars(item)
    elif value is not None:
        yield _text(value)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
