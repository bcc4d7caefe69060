"""Reads and applies the tests of JSONPath filters: `(@.state == 'on' && @.n > 1)`, `@.name`, `!(@.old)`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from tablecloud.errors import TransformError

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<path>@(?:\.[\w@$-]+|\[\s*(?:'[^']*'|"[^"]*")\s*\])*)
    | (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    | (?P<number>-?\d{1,300}(?:\.\d{1,300})?(?:[eE][+-]?\d{1,3})?)
    | (?P<word>true|false|null)\b
    | (?P<mark>==|!=|<=|>=|<|>|&&|\|\||!|\(|\))
    )\s*""",
    re.VERBOSE,
)
_NAME = re.compile(r"\.([\w@$-]+)|\[\s*'([^']*)'\s*\]|\[\s*\"([^\"]*)\"\s*\]")
_WORDS: dict[str, object] = {"true": True, "false": False, "null": None}
_COMPARISONS: dict[str, Callable[[object, object], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,  # type: ignore[dict-item]
    "<=": operator.le,  # type: ignore[dict-item]
    ">": operator.gt,  # type: ignore[dict-item]
    ">=": operator.ge,  # type: ignore[dict-item]
}
_DEEPEST = 20
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Field:
    """A value below the one that is tested."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that the filter gives."""

    value: object


Operand: TypeAlias = Field | Constant


@dataclass(frozen=True, slots=True)
class Test:
    """A test of one value: a comparison, or one word (`and`, `or`, `not`, `has`) over parts."""

    __test__ = False  # This is not a test of pytest's.

    word: str
    operands: tuple[Operand, ...] = ()
    parts: tuple[Test, ...] = ()

    def passes(self, value: object) -> bool:
        """Return whether a value passes; values of different kinds are neither equal nor in any order."""
        if self.word == "and":
            return all(part.passes(value) for part in self.parts)
        if self.word == "or":
            return any(part.passes(value) for part in self.parts)
        if self.word == "not":
            return not self.parts[0].passes(value)
        found = [_value(operand, value) for operand in self.operands]
        if self.word == "has":
            return found[0] is not _MISSING
        return _compare(self.word, found[0], found[1])


def parse_test(text: str) -> Test:
    """Return the test that a filter spells.

    Raises:
        TransformError: it is no test that is offered here.
    """
    tokens: list[tuple[str, str]] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _refusal(text)
        kind = match.lastgroup or ""
        tokens.append((kind, match[kind]))
        position = match.end()
    reader = _Reader(tokens, text)
    test = reader.either(0)
    if reader.peek() != ("", ""):
        raise _refusal(text)
    return test


class _Reader:
    """The tokens of one filter, read from the left."""

    def __init__(self, tokens: list[tuple[str, str]], text: str) -> None:
        self._tokens = tokens
        self._text = text
        self._position = 0

    def peek(self) -> tuple[str, str]:
        """Return the next token's kind and text, empty at the end."""
        return self._tokens[self._position] if self._position < len(self._tokens) else ("", "")

    def _take(self) -> tuple[str, str]:
        token = self.peek()
        self._position += 1
        return token

    def either(self, depth: int) -> Test:
        """Read terms joined by `||`."""
        if depth > _DEEPEST:
            raise _refusal(self._text)
        parts = [self._both(depth)]
        while self.peek()[1] == "||":
            self._take()
            parts.append(self._both(depth))
        return parts[0] if len(parts) == 1 else Test("or", parts=tuple(parts))

    def _both(self, depth: int) -> Test:
        parts = [self._term(depth)]
        while self.peek()[1] == "&&":
            self._take()
            parts.append(self._term(depth))
        return parts[0] if len(parts) == 1 else Test("and", parts=tuple(parts))

    def _term(self, depth: int) -> Test:
        if depth > _DEEPEST:
            raise _refusal(self._text)
        if self.peek() == ("mark", "!"):
            self._take()
            return Test("not", parts=(self._term(depth + 1),))
        if self.peek() == ("mark", "("):
            self._take()
            inner = self.either(depth + 1)
            if self._take() != ("mark", ")"):
                raise _refusal(self._text)
            return inner
        left = self._operand()
        if self.peek()[1] not in _COMPARISONS or self.peek()[0] != "mark":
            return Test("has", (left,))
        word = self._take()[1]
        return Test(word, (left, self._operand()))

    def _operand(self) -> Operand:
        kind, text = self._take()
        if kind == "path":
            return Field(tuple(a or b or c for a, b, c in _NAME.findall(text)))
        if kind == "string":
            return Constant(re.sub(r"\\(.)", r"\1", text[1:-1]))
        if kind == "number":
            return Constant(int(text) if text.lstrip("-").isdigit() else float(text))
        if kind == "word":
            return Constant(_WORDS[text])
        raise _refusal(self._text)


def _value(operand: Operand, value: object) -> object:
    if isinstance(operand, Constant):
        return operand.value
    for name in operand.names:
        if not isinstance(value, dict) or name not in value:
            return _MISSING
        value = value[name]
    return value


def _compare(word: str, left: object, right: object) -> bool:
    kinds = _kind(left), _kind(right)
    if kinds[0] != kinds[1]:
        return word == "!="
    if word not in ("==", "!=") and kinds[0] not in ("number", "text"):
        return False
    return _COMPARISONS[word](left, right)


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else type(value).__name__


def _refusal(text: str) -> TransformError:
    return TransformError(f"the filter {text[:80]} cannot be read")
