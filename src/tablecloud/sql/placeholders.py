"""Each `?` as the `$n` it stands for, so that parts of a statement may be put in another order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tablecloud.sql.lexer import Kind, tokenize
from tablecloud.sql.pointing import Fragment, Instead, join
from tablecloud.sql.statements import Insert, Modify, Span


def join_numbered(statement: Insert | Modify, parts: Iterable[str | Span]) -> Fragment:
    """Return the fragment made of spans of the statement's script and of words of ours, without any `?`."""
    marks = _marks(statement)
    pieces: list[str | Span | Instead] = []
    for part in parts:
        pieces += [part] if isinstance(part, str) else _cut(part, marks)
    return join(statement.script, pieces)


def _marks(statement: Insert | Modify) -> list[int]:
    tokens = tokenize(statement.text)
    found = [token for token in tokens if token.kind is Kind.PARAMETER and token.value == "?"]
    return [token.start + statement.span[0] for token in found]


def _cut(span: Span, marks: list[int]) -> Iterator[Span | Instead]:
    start = span[0]
    for number, mark in enumerate(marks, 1):
        if span[0] <= mark < span[1]:
            yield (start, mark)
            yield Instead(span=(mark, mark + 1), text=f"${number}")
            start = mark + 1
    yield (start, span[1])
