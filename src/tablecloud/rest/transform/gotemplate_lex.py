"""Cuts the text of a Go template into texts and actions, and actions into tokens.

Contract: the lexical rules of Go's text/template. One thing more is taken: of `{{{` the first brace is
text, which Go refuses and which documents contain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tablecloud.errors import TransformError

_SPACE = " \t\r\n"
_TOKEN = re.compile(
    r"""
      (?P<space>[ \t\r\n]+)
    | (?P<close>\}\})
    | (?P<string>"(?:[^"\\\n]|\\[^\n])*")
    | (?P<raw>`[^`]*`)
    | (?P<char>'(?:[^'\\\n]|\\[^\n])+')
    | (?P<number>[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+
                 |(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9_]+)?))(?![\w.])
    | (?P<variable>\$\w*)
    | (?P<field>\.[^\W\d]\w*)
    | (?P<dot>\.)
    | (?P<declare>:=)
    | (?P<assign>=)
    | (?P<pipe>\|)
    | (?P<comma>,)
    | (?P<open>\()
    | (?P<shut>\))
    | (?P<word>[^\W\d]\w*)
    """,
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.S)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"'}


@dataclass(frozen=True, slots=True)
class Token:
    """One word of an action: `kind` is a group of the pattern, `spaced` whether space stands before it."""

    kind: str
    text: str
    spaced: bool
    line: int


@dataclass(frozen=True, slots=True)
class Text:
    """Text between actions, already trimmed."""

    text: str


@dataclass(frozen=True, slots=True)
class Action:
    """What stands between `{{` and `}}`, without trim marks."""

    tokens: tuple[Token, ...]
    line: int


def lex(source: str) -> Iterator[Text | Action]:
    """Yield the parts of a template in order.

    Raises:
        TransformError: an action is not closed, or holds what no action may hold.
    """
    position, trim = 0, False
    while True:
        start = _opening(source, position)
        text = source[position : len(source) if start < 0 else start]
        marked = start >= 0 and _is_trim_mark(source, start + 2)
        text = text.lstrip(_SPACE) if trim else text
        text = text.rstrip(_SPACE) if marked else text
        if text:
            yield Text(text)
        if start < 0:
            return
        inside = start + (3 if marked else 2)
        line = source.count("\n", 0, start) + 1
        comment = _comment_end(source, inside, line)
        if comment is None:
            tokens, position, trim = _tokens(source, inside, line)
            yield Action(tokens, line)
        else:
            position, trim = comment


def unquote(text: str, line: int) -> str:
    """Return what a Go string or character literal stands for.

    Raises:
        TransformError: an escape that Go does not know.
    """
    quote, inner = text[0], text[1:-1]
    if quote == "`":
        return inner.replace("\r", "")

    def replace(match: re.Match[str]) -> str:
        escape = match.group(1)
        if len(escape) > 1:
            code = int(escape, 8) if escape[0] in "01234567" else int(escape[1:], 16)
            if code < 0x110000 and not 0xD800 <= code < 0xE000:
                return chr(code)
        elif escape == quote or (escape in _SIMPLE and escape != '"'):
            return _SIMPLE.get(escape, escape)
        raise TransformError(f"the template has an unknown escape \\{escape[:10]} in line {line}")

    return _ESCAPE.sub(replace, inner)


def _opening(source: str, position: int) -> int:
    """Return where the next action opens, -1 where none does."""
    start = source.find("{{", position)
    while start >= 0 and source.startswith("{", start + 2):
        start += 1
    return start


def _is_trim_mark(source: str, at: int) -> bool:
    return source[at : at + 1] == "-" and source[at + 1 : at + 2] in tuple(_SPACE)


def _comment_end(source: str, inside: int, line: int) -> tuple[int, bool] | None:
    """Return where a comment's action ends and whether it trims; None where no comment begins."""
    start = inside + 1 if source[inside : inside + 1] in tuple(_SPACE) else inside
    if not source.startswith("/*", start):
        return None
    end = source.find("*/", start + 2) + 2
    for closing, trims in (("}}", False), (" -}}", True), ("\n-}}", True), ("\t-}}", True)):
        if end > 1 and source.startswith(closing, end):
            return end + len(closing), trims
    raise TransformError(f"the template's comment in line {line} does not end before its action")


def _tokens(source: str, position: int, line: int) -> tuple[tuple[Token, ...], int, bool]:
    """Return the tokens of one action, the position after it, and whether the text after it is trimmed."""
    found: list[Token] = []
    spaced = False
    while True:
        if spaced and source.startswith("-}}", position):
            return tuple(found), position + 3, True
        match = _TOKEN.match(source, position)
        if match is None:
            raise _stray(source, position, line)
        kind, text = match.lastgroup or "", match.group()
        position = match.end()
        if kind == "close":
            return tuple(found), position, False
        if kind != "space":
            found.append(Token(kind, text, spaced, line))
        spaced = kind == "space"
        line += text.count("\n")


def _stray(source: str, position: int, line: int) -> TransformError:
    if position >= len(source):
        return TransformError(f"the template's action in line {line} is not closed")
    return TransformError(f"the template has an unexpected {source[position]!r} in line {line}")
