"""The filter language of list requests as a syntax tree. Pure.

Contract: ml-jobs-service 1.7.

    expr = and | or ;  and = term { ["AND"] term } ;  or = term { "OR" term }     no mixing without ( )
    term = ["NOT" | "-"] ( "(" expr ")" | key op value | key op "(" value { [","|"OR"] value } ")" | word )
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tablecloud.jobs.wire.errors import ApiError, field_error

MAX_BYTES = 4096
MAX_TERMS = 64
_MAX_NESTING = 32

_OPERATOR = re.compile(r"!=|!~|<=|>=|[:=<>~]")
_WORD = re.compile(r"[^\s()\"':=!<>~]+")
_VALUE = re.compile(r"[^\s()\"']+")
_LIST_VALUE = re.compile(r"[^\s()\"',|]+")
_SPACE = re.compile(r"\s*")
_QUOTED = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`key op value`, any of the values."""

    key: tuple[str, ...]
    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A bare word: true where any value contains it."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    """The opposite of a term."""

    term: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Both:
    """All terms (AND, or juxtaposition)."""

    terms: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Either:
    """Any term (OR)."""

    terms: tuple[Expression, ...]


Expression = Comparison | Word | Not | Both | Either


def parse_filter(text: str) -> Expression | None:
    """Return the tree of a filter; None where it is blank, which matches everything.

    Raises:
        ApiError: INVALID_ARGUMENT on the field `filter`.
    """
    if len(text.encode()) > MAX_BYTES:
        raise refused(f"A filter may have at most {MAX_BYTES} bytes.")
    if not text.strip():
        return None
    parser = _Parser(text)
    tree = parser.expression(0)
    if parser.at < len(text):
        raise refused(f"Unbalanced parenthesis at position {parser.at}.")
    return tree


def refused(text: str) -> ApiError:
    """Return the error of a filter that cannot be used."""
    return field_error("filter", text)


class _Parser:
    """Recursive descent; `at` is the next character, never a space between terms."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.terms = 0
        self.skip()

    def skip(self) -> None:
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def take(self, symbol: str) -> bool:
        if not self.text.startswith(symbol, self.at):
            return False
        self.at += len(symbol)
        self.skip()
        return True

    def keyword(self, word: str) -> bool:
        """Take AND, OR or NOT where it stands as a word of its own."""
        match = _WORD.match(self.text, self.at)
        if match is None or match.group() != word or self.operator_at(match.end()):
            return False
        self.at = match.end()
        self.skip()
        return True

    def operator_at(self, at: int) -> re.Match[str] | None:
        space = _SPACE.match(self.text, at)
        return _OPERATOR.match(self.text, space.end() if space else at)

    def done(self) -> bool:
        return self.at >= len(self.text) or self.text[self.at] == ")"

    def expression(self, depth: int) -> Expression:
        if depth > _MAX_NESTING:
            raise refused(f"Parentheses may be nested at most {_MAX_NESTING} deep.")
        terms, joins = [self.term(depth)], set[str]()
        while not self.done():
            join = "OR" if self.keyword("OR") else "AND"
            if join == "AND":
                self.keyword("AND")
            joins.add(join)
            if len(joins) > 1:
                # The doubled word is the text users of the original language search for.
                raise refused("Parenthesis grouping is required when AND and OR are are combined.")
            terms.append(self.term(depth))
        if len(terms) == 1:
            return terms[0]
        return Either(terms=tuple(terms)) if "OR" in joins else Both(terms=tuple(terms))

    def term(self, depth: int) -> Expression:
        self.terms += 1
        if self.terms > MAX_TERMS:
            raise refused(f"A filter may have at most {MAX_TERMS} terms.")
        if self.keyword("NOT") or self.take("-"):
            return Not(term=self.plain(depth))
        return self.plain(depth)

    def plain(self, depth: int) -> Expression:
        if self.done():
            raise refused(f"A term is missing at position {self.at}.")
        if self.take("("):
            inner = self.expression(depth + 1)
            if not self.take(")"):
                raise refused("A closing parenthesis is missing.")
            return inner
        if any(self.keyword(word) for word in ("AND", "OR", "NOT")):
            raise refused(f"A term is missing before position {self.at}.")
        if self.text[self.at] in "\"'":
            return Word(text=self.quoted())
        return self.comparison()

    def comparison(self) -> Expression:
        match = _WORD.match(self.text, self.at)
        if match is None:
            raise refused(f"A name is missing at position {self.at}.")
        operator = self.operator_at(match.end())
        self.at = match.end() if operator is None else operator.end()
        self.skip()
        if operator is None:
            return Word(text=match.group())
        key = tuple(match.group().split("."))
        if not all(key):
            raise refused(f"'{match.group()}' is not a name.")
        return Comparison(key=key, operator=operator.group(), values=self.values())

    def values(self) -> tuple[str, ...]:
        if not self.take("("):
            return (self.value(_VALUE),)
        values: list[str] = []
        while not self.take(")"):
            if values:
                self.take(",") or self.take("|") or self.keyword("OR")
            values.append(self.value(_LIST_VALUE))
        if not values:
            raise refused("A list of values is empty.")
        return tuple(values)

    def value(self, plain: re.Pattern[str]) -> str:
        if self.text[self.at : self.at + 1] in ('"', "'"):
            return self.quoted()
        match = plain.match(self.text, self.at)
        if match is None or _OPERATOR.match(match.group()):
            raise refused(f"A value is missing at position {self.at}.")
        self.at = match.end()
        if self.text[self.at : self.at + 1] in ("(", '"', "'"):
            raise refused(f"Quote the value that ends at position {self.at}.")
        self.skip()
        return match.group()

    def quoted(self) -> str:
        match = _QUOTED.match(self.text, self.at)
        if match is None:
            raise refused(f"The quote at position {self.at} is not closed.")
        self.at = match.end()
        self.skip()
        return re.sub(r"\\(.)", r"\1", match.group(1) or match.group(2) or "", flags=re.DOTALL)
