"""Text to tokens with their place: the quoting rules of DuckDB, plus hints, `@name` and `@@name`.

The lexer serves the statements that are ours (EXEC, SHOW, the headers of mutations), the splitting of
scripts, and the exact extent of a dotted name. What a SELECT means is left to DuckDB's own parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import Enum

from msgspec import Struct

from tablecloud.errors import SqlSyntaxError


class Kind(Enum):
    """What a token is."""

    WORD = "word"
    QUOTED = "quoted name"
    STRING = "string"
    NUMBER = "number"
    PARAMETER = "parameter"
    """`$1`, `$name`, `?`."""
    AT = "argument"
    """`@name`, `@options.version`, `@"any name"`."""
    PAYLOAD = "payload"
    """`@@name`."""
    HINT = "hint"
    """`/*+ AWAIT */`."""
    SYMBOL = "symbol"


class Token(Struct, frozen=True):
    """One lexical unit; `text[start:end]` of the script it came from is how it is written."""

    kind: Kind
    value: str
    """Decoded: a name or string without its quotes, a hint's words in capitals, else as written."""
    start: int
    end: int

    @property
    def span(self) -> tuple[int, int]:
        """Where it stands."""
        return (self.start, self.end)

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these keywords, given in capitals."""
        return self.kind is Kind.WORD and self.value.upper() in words

    def is_symbol(self, symbol: str) -> bool:
        """Whether it is this punctuation."""
        return self.kind is Kind.SYMBOL and self.value == symbol

    @property
    def is_name(self) -> bool:
        """Whether it can be a part of a name."""
        return self.kind in (Kind.WORD, Kind.QUOTED)


# Order matters: comments before symbols, escapes before plain words, `$tag$` before `$name`.
_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<line>--[^\n]*)
  | (?P<block>/\*)
  | (?P<escape>[eE]'(?:[^'\\]|\\.|'')*(?P<escape_end>'?))
  | (?P<string>'(?:[^']|'')*(?P<string_end>'?))
  | (?P<quoted>"(?:[^"]|"")*(?P<quoted_end>"?))
  | (?P<back>`(?:[^`]|``)*(?P<back_end>`?))
  | (?P<dollar>\$(?P<tag>(?:[^\W\d]\w*)?)\$)
  | (?P<parameter>\$\w+|\?)
  | (?P<payload>@@[^\W\d][\w$]*)
  | (?P<at>@(?:[^\W\d][\w$]*(?:\.[\w$]+)*|"[^"]+"))
  | (?P<word>[^\W\d][\w$]*)
  | (?P<number>(?:\d[\d_]*(?:\.\d[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?)
  | (?P<symbol>::|.)
    """,
    re.VERBOSE | re.DOTALL,
)

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def tokenize(text: str) -> list[Token]:
    """Return the tokens of a script, without spaces and comments.

    Raises:
        SqlSyntaxError: a string, a quoted name or a comment that does not end.
    """
    return list(_tokens(text))


def _tokens(text: str) -> Iterator[Token]:
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:  # pragma: no cover - the last alternative takes any character
            raise SqlSyntaxError(
                "this character has no place in SQL", text=text, span=(position, position + 1)
            )
        token, position = _read(text, match)
        if token is not None:
            yield token


def _read(text: str, match: re.Match[str]) -> tuple[Token | None, int]:
    start, end, group = match.start(), match.end(), match.lastgroup
    # lastgroup names the inner group where one took part; the outer one decides.
    name = next(key for key in _GROUPS if match.group(key) is not None) if group in _INNER else str(group)
    if name in ("space", "line"):
        return None, end
    if name == "block":
        end = _comment_end(text, start)
        return _hint(text, start, end), end
    if name == "dollar":
        end = _dollar_end(text, match)
        return Token(Kind.STRING, text[match.end() : end - len(match.group())], start, end), end
    return Token(_KINDS[name], _decode(name, text, match), start, end), end


_INNER = {"escape_end", "string_end", "quoted_end", "back_end", "tag"}
_GROUPS = ("escape", "string", "quoted", "back", "dollar")
_KINDS = {
    "escape": Kind.STRING,
    "string": Kind.STRING,
    "quoted": Kind.QUOTED,
    "back": Kind.QUOTED,
    "parameter": Kind.PARAMETER,
    "payload": Kind.PAYLOAD,
    "at": Kind.AT,
    "word": Kind.WORD,
    "number": Kind.NUMBER,
    "symbol": Kind.SYMBOL,
}
_CLOSERS = {"escape": "escape_end", "string": "string_end", "quoted": "quoted_end", "back": "back_end"}


def _decode(name: str, text: str, match: re.Match[str]) -> str:
    written = match.group()
    if name in _CLOSERS:
        if not match.group(_CLOSERS[name]):
            what = "string" if name in ("escape", "string") else "quoted name"
            raise SqlSyntaxError(
                f"this {what} does not end", text=text, span=(match.start(), match.start() + 1)
            )
        if name == "escape":
            return _unescape(written[2:-1])
        return written[1:-1].replace(written[0] * 2, written[0])
    if name == "payload":
        return written[2:]
    return written[1:].strip('"') if name == "at" else written


def _unescape(body: str) -> str:
    body = body.replace("''", "'")
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), body, flags=re.DOTALL)


def _comment_end(text: str, start: int) -> int:
    depth, position = 1, start + 2
    while depth:
        match = re.compile(r"/\*|\*/").search(text, position)
        if match is None:
            raise SqlSyntaxError("this comment does not end", text=text, span=(start, start + 2))
        depth += 1 if match.group() == "/*" else -1
        position = match.end()
    return position


def _hint(text: str, start: int, end: int) -> Token | None:
    if text[start + 2 : start + 3] != "+":
        return None
    return Token(Kind.HINT, text[start + 3 : end - 2].strip().upper(), start, end)


def _dollar_end(text: str, match: re.Match[str]) -> int:
    close = text.find(match.group(), match.end())
    if close < 0:
        raise SqlSyntaxError("this string does not end", text=text, span=match.span())
    return close + len(match.group())


def split(tokens: Sequence[Token]) -> list[list[Token]]:
    """Return the tokens of each statement of a script: cut at `;`, empty ones left out."""
    groups: list[list[Token]] = [[]]
    for token in tokens:
        if token.is_symbol(";"):
            groups.append([])
        else:
            groups[-1].append(token)
    # A hint alone is a comment.
    return [group for group in groups if any(token.kind is not Kind.HINT for token in group)]


def dotted_name_end(text: str, start: int) -> int:
    """Return where the dotted name that begins at `start` ends: `google.ml."projects.jobs"`, comments and
    spaces around the dots included.
    """
    end = start
    wants_part = True
    for token in _tokens(text[start:]):
        if wants_part != token.is_name or not (token.is_name or token.is_symbol(".")):
            break
        if token.is_name:
            end = start + token.end
        wants_part = not wants_part
    return end


def quote_name(name: str) -> str:
    """Return a name as SQL writes it, always quoted."""
    return '"' + name.replace('"', '""') + '"'


def quote_value(value: str | int | float | bool | None) -> str:
    """Return a value as a SQL literal."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    return "'" + value.replace("'", "''") + "'"
