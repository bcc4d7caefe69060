"""Reading one statement's tokens from left to right."""

from __future__ import annotations

from tablecloud.errors import NotSupported, SqlSyntaxError
from tablecloud.sql.lexer import Kind, Token
from tablecloud.sql.statements import Name

_HINTS = {"AWAIT", "SHOWRESULTS", "NOSTATUS", "REQUIRED"}


class Cursor:
    """A place in the tokens of one statement; hints are taken out and kept beside it."""

    def __init__(self, script: str, tokens: list[Token]) -> None:
        self.script = script
        self.span = (tokens[0].start, tokens[-1].end)
        self.hints = frozenset(_hints(script, tokens))
        self.tokens = _numbered([token for token in tokens if token.kind is not Kind.HINT])
        self.position = 0

    def peek(self, ahead: int = 0) -> Token | None:
        """Return the token to come, or None at the end."""
        index = self.position + ahead
        return self.tokens[index] if index < len(self.tokens) else None

    @property
    def done(self) -> bool:
        """Whether nothing is left."""
        return self.position >= len(self.tokens)

    def take(self, what: str) -> Token:
        """Return the next token and step over it; `what` is named in the error at the end of the text."""
        token = self.peek()
        if token is None:
            raise self.error(f"expected {what}, but the statement ends here")
        self.position += 1
        return token

    def take_word(self, *words: str) -> bool:
        """Step over one of these keywords if it comes next."""
        token = self.peek()
        if token is None or not token.is_word(*words):
            return False
        self.position += 1
        return True

    def take_symbol(self, symbol: str) -> bool:
        """Step over this punctuation if it comes next."""
        token = self.peek()
        if token is None or not token.is_symbol(symbol):
            return False
        self.position += 1
        return True

    def expect_word(self, *words: str) -> None:
        """Step over a keyword that must come next."""
        if not self.take_word(*words):
            raise self.error(f"expected {' or '.join(words)}")

    def expect_symbol(self, symbol: str) -> None:
        """Step over punctuation that must come next."""
        if not self.take_symbol(symbol):
            raise self.error(f"expected {symbol}")

    def expect_name(self, what: str) -> Token:
        """Return a name of one part."""
        token = self.take(what)
        if not token.is_name:
            self.position -= 1
            raise self.error(f"expected {what}")
        return token

    def expect_dotted(self, what: str) -> Name:
        """Return a dotted name."""
        first = last = self.expect_name(what)
        parts = [first.value]
        while self.take_symbol("."):
            last = self.expect_name("a name after the dot")
            parts.append(last.value)
        return Name(parts=tuple(parts), span=(first.start, last.end))

    def expect_value(self, what: str) -> tuple[Token, bool]:
        """Return a literal or a prepared value, and whether a minus stands before it."""
        minus = self.take_symbol("-")
        token = self.take(what)
        literal = token.kind in (Kind.STRING, Kind.NUMBER, Kind.PARAMETER)
        if not (literal or token.is_word("TRUE", "FALSE", "NULL")) or (
            minus and token.kind is not Kind.NUMBER
        ):
            self.position -= 1
            raise self.error(f"expected {what}: a string, a number, true, false, NULL or a prepared value")
        return token, minus

    def expect_end(self) -> None:
        """Refuse anything that is left."""
        if not self.done:
            raise self.error("did not expect this here")

    def find(self, *words: str) -> int | None:
        """Return the index of the next of these keywords that stands outside parentheses."""
        depth = 0
        for index in range(self.position, len(self.tokens)):
            token = self.tokens[index]
            if token.kind is Kind.SYMBOL:
                depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(token.value, 0)
            elif depth == 0 and token.is_word(*words) and not self._part_of_name(index):
                return index
        return None

    def _part_of_name(self, index: int) -> bool:
        return index > 0 and self.tokens[index - 1].is_symbol(".")

    def span_until(self, index: int | None, what: str) -> tuple[int, int]:
        """Step over the tokens before `index` (or all that are left) and return their span."""
        stop = len(self.tokens) if index is None else index
        if stop <= self.position:
            raise self.error(f"expected {what}")
        span = (self.tokens[self.position].start, self.tokens[stop - 1].end)
        self.position = stop
        return span

    def error(self, message: str) -> SqlSyntaxError:
        """Return the error that points at the token to come, or just behind the last one."""
        token = self.peek()
        span = token.span if token else (self.span[1], self.span[1])
        found = f", found {self.script[token.start : token.end]}" if token else ""
        return SqlSyntaxError(message + found, text=self.script, span=span)


def _numbered(tokens: list[Token]) -> list[Token]:
    """Return the tokens with each `?` as the `$1`, `$2` … that it stands for."""
    marks = [token for token in tokens if token.kind is Kind.PARAMETER and token.value == "?"]
    numbers = {token.start: f"${number}" for number, token in enumerate(marks, 1)}
    return [
        Token(token.kind, numbers.get(token.start, token.value), token.start, token.end) if numbers else token
        for token in tokens
    ]


def _hints(script: str, tokens: list[Token]) -> list[str]:
    words = []
    for token in tokens:
        if token.kind is not Kind.HINT:
            continue
        for word in token.value.replace(",", " ").split():
            if word not in _HINTS:
                raise NotSupported(
                    f"there is no hint {word}",
                    hint="the hints are AWAIT and SHOWRESULTS",
                    text=script,
                    span=token.span,
                )
            words.append(word)
    return words
