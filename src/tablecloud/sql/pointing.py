"""Where in the user's script a piece of text came from, and an error drawn with a caret under it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from msgspec import Struct

from tablecloud.errors import SqlError

_WIDEST = 110
"""Columns of the longest line shown; longer ones are cut around the caret."""


class Piece(Struct, frozen=True, kw_only=True):
    """A run of a fragment that stands for a run of the script."""

    at: int
    """Offset in the fragment."""
    length: int
    start: int
    end: int
    """Offsets in the script."""


class Instead(Struct, frozen=True, kw_only=True):
    """Words of ours in the place of a span of the script."""

    span: tuple[int, int]
    text: str


class Fragment(Struct, frozen=True, kw_only=True):
    """Text to be planned: cut from the script, or put together from pieces of it and words of ours."""

    text: str
    script: str
    pieces: tuple[Piece, ...]

    def locate(self, span: tuple[int, int]) -> tuple[int, int] | None:
        """Return the span in the script of a span in the text; None where the words are ours."""
        first, last = self._piece(span[0]), self._piece(max(span[0], span[1] - 1))
        if first is None or last is None:
            return None
        start = min(first.start + span[0] - first.at, first.end)
        return (start, max(start, min(last.start + span[1] - last.at, last.end)))

    def _piece(self, offset: int) -> Piece | None:
        inside = (piece for piece in self.pieces if piece.at <= offset < piece.at + piece.length)
        # The place right behind the last word is still the script's.
        behind = (piece for piece in self.pieces if offset == piece.at + piece.length)
        return next(inside, None) or next(behind, None)


def cut(script: str, span: tuple[int, int]) -> Fragment:
    """Return the fragment that is one span of the script."""
    return join(script, [span])


def join(script: str, parts: Iterable[str | tuple[int, int] | Instead]) -> Fragment:
    """Return the fragment made of its parts, in order.

    Parameters:
        parts: spans of the script, words of ours, or words of ours in the place of a span.
    """
    text, pieces = "", []
    for part in parts:
        if isinstance(part, str):
            text += part
            continue
        instead = part if isinstance(part, Instead) else Instead(span=part, text=script[part[0] : part[1]])
        start, end = instead.span
        pieces.append(Piece(at=len(text), length=len(instead.text), start=start, end=end))
        text += instead.text
    return Fragment(text=text, script=script, pieces=tuple(pieces))


@contextmanager
def pointing_into(fragment: Fragment) -> Iterator[None]:
    """Make the errors raised inside, whose spans are offsets into the fragment, point into the script."""
    try:
        yield
    except SqlError as error:
        if error.text is None or error.text == fragment.text:
            error.span = fragment.locate(error.span) if error.span else None
            error.text = fragment.script
        raise


def render(error: SqlError) -> str:
    """Return an error as the command line prints it: the message, the line, a caret, the hint.

    Tabs count as one column and wide characters as two, so that the caret stands under its word.
    """
    lines = [error.message]
    if error.text is not None and error.span is not None:
        lines += _drawing(error.text, error.span)
    if error.hint:
        lines.append(f"hint: {error.hint}")
    return "\n".join(lines)


def _drawing(text: str, span: tuple[int, int]) -> list[str]:
    start, end = min(span[0], len(text)), min(span[1], len(text))
    number = text.count("\n", 0, start) + 1
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", start)
    line = text[line_start : line_end if line_end >= 0 else len(text)].replace("\t", " ").replace("\r", " ")
    column = start - line_start
    line, column = _window(line, column)
    prefix = f"LINE {number}: "
    width = max(1, _width(line[column : column + max(1, end - start)]))
    return [prefix + line, " " * (len(prefix) + _width(line[:column])) + "^" * width]


def _window(line: str, column: int) -> tuple[str, int]:
    if len(line) <= _WIDEST:
        return line, column
    begin = max(0, min(column - _WIDEST // 2, len(line) - _WIDEST))
    shown = line[begin : begin + _WIDEST]
    head, tail = ("…" if begin else ""), ("…" if begin + _WIDEST < len(line) else "")
    return head + shown + tail, column - begin + len(head)


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(map(_cells, text))


def _cells(character: str) -> int:
    import unicodedata

    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
