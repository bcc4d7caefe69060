"""Conditions of policy bindings: a small safe subset of CEL that fails closed. Pure.

Contract: ml-jobs-service 1.10. Supported: `&& || !`, parentheses, comparisons, `request.time`,
`resource.name|type|service`, strings, booleans, `timestamp("…")`, and
`.startsWith() .endsWith() .contains()`. Whatever else a condition says, it grants nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tablecloud.jobs.wire.times import NANOS, parse_timestamp

_TOKEN = re.compile(
    r"\s*(?:(?P<string>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|(?P<name>[A-Za-z_][\w.]*)|(?P<sign>&&|\|\||[!=<>]=|[!<>()]|\.(?=[A-Za-z])))"
)
_MAX_LENGTH = 2048
_MAX_NESTING = 30

_METHODS: dict[str, Callable[[str, str], bool]] = {
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "contains": str.__contains__,
}

Value = str | bool | int
"""A string, a boolean, or a time in nanoseconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """What a condition may look at."""

    time: float
    """Of the request, seconds since the epoch."""
    name: str
    """Of the resource."""
    type: str
    service: str = "ml.googleapis.com"


class _Unevaluable(Exception):
    """The condition is malformed or uses more than the subset."""


def condition_holds(expression: str, attributes: Attributes) -> bool:
    """Say whether a condition is true; one that cannot be evaluated is not."""
    try:
        evaluation = _Evaluation(expression, attributes)
        value = evaluation.either(0)
        return value is True and evaluation.done()
    except _Unevaluable:
        return False


class _Evaluation:
    """Parses and evaluates in one pass; both sides of `&&` and `||` are always evaluated."""

    def __init__(self, text: str, attributes: Attributes) -> None:
        if len(text) > _MAX_LENGTH:
            raise _Unevaluable
        self.tokens = _tokens(text)
        self.at = 0
        self.attributes = attributes

    def done(self) -> bool:
        return self.at == len(self.tokens)

    def take(self, *signs: str) -> str:
        """Take the next token if it is one of the signs; empty where it is not."""
        if self.done() or self.tokens[self.at] not in signs:
            return ""
        self.at += 1
        return self.tokens[self.at - 1]

    def either(self, depth: int) -> Value:
        if depth > _MAX_NESTING:
            raise _Unevaluable
        value = self.both(depth)
        while self.take("||"):
            other = _boolean(self.both(depth))
            value = _boolean(value) or other
        return value

    def both(self, depth: int) -> Value:
        value = self.comparison(depth)
        while self.take("&&"):
            other = _boolean(self.comparison(depth))
            value = _boolean(value) and other
        return value

    def comparison(self, depth: int) -> Value:
        left = self.unary(depth)
        sign = self.take("==", "!=", "<", "<=", ">", ">=")
        return _compare(sign, left, self.unary(depth)) if sign else left

    def unary(self, depth: int) -> Value:
        if depth > _MAX_NESTING:
            raise _Unevaluable
        if self.take("!"):
            return not _boolean(self.unary(depth + 1))
        if self.take("("):
            value = self.either(depth + 1)
            self.expect(")")
            return value
        return self.operand()

    def operand(self) -> Value:
        if self.done():
            raise _Unevaluable
        word = self.tokens[self.at]
        self.at += 1
        if word[0] in "\"'":
            return self.with_method(_unquote(word))
        if word == "timestamp":
            return self.timestamp()
        if word in ("true", "false"):
            return word == "true"
        return self.attribute(word)

    def attribute(self, word: str) -> Value:
        head, _, method = word.rpartition(".")
        if method in _METHODS:
            return self.call(method, self.plain_attribute(head))
        if word == "request.time":
            return int(self.attributes.time * NANOS)
        return self.plain_attribute(word)

    def plain_attribute(self, word: str) -> str:
        match word:
            case "resource.name":
                return self.attributes.name
            case "resource.type":
                return self.attributes.type
            case "resource.service":
                return self.attributes.service
        raise _Unevaluable

    def with_method(self, text: str) -> Value:
        if not self.take("."):
            return text
        method = self.tokens[self.at]
        self.at += 1
        return self.call(method, text)

    def call(self, method: str, text: str) -> bool:
        if method not in _METHODS:
            raise _Unevaluable
        return _METHODS[method](text, self.argument())

    def timestamp(self) -> int:
        try:
            return parse_timestamp(self.argument())
        except (ValueError, OverflowError):
            raise _Unevaluable from None

    def argument(self) -> str:
        self.expect("(")
        value = self.operand()
        self.expect(")")
        if not isinstance(value, str):
            raise _Unevaluable
        return value

    def expect(self, sign: str) -> None:
        if not self.take(sign):
            raise _Unevaluable


def _tokens(text: str) -> list[str]:
    tokens, at, text = [], 0, text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _Unevaluable
        tokens.append(match.group().strip())
        at = match.end()
    return tokens


def _unquote(token: str) -> str:
    if re.search(r"\\[^\\\"']", token):
        raise _Unevaluable
    return re.sub(r"\\(.)", r"\1", token[1:-1])


def _boolean(value: Value) -> bool:
    if not isinstance(value, bool):
        raise _Unevaluable
    return value


def _compare(sign: str, left: Value, right: Value) -> bool:
    if type(left) is not type(right):
        raise _Unevaluable
    if sign in ("==", "!="):
        return (left == right) == (sign == "==")
    if isinstance(left, str) and isinstance(right, str):
        return _ordered(sign, (left > right) - (left < right))
    if isinstance(left, bool | str) or isinstance(right, str):
        raise _Unevaluable
    return _ordered(sign, left - right)


def _ordered(sign: str, difference: int) -> bool:
    match sign:
        case "<":
            return difference < 0
        case "<=":
            return difference <= 0
        case ">":
            return difference > 0
    return difference >= 0
