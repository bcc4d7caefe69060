"""What one statement says, before any name is looked up: frozen records with spans into the script."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from tablecloud.catalog.model import Verb
from tablecloud.errors import TablecloudError
from tablecloud.sql.lexer import Token

Span: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A dotted name; a quoted part is one part."""

    parts: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """One statement of a script."""

    script: str = field(repr=False)
    span: Span

    @property
    def text(self) -> str:
        """The statement as it is written."""
        return self.script[self.span[0] : self.span[1]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query(Parsed):
    """SELECT and whatever else reads: WITH, VALUES, FROM."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Insert(Parsed):
    """INSERT INTO target(columns) source RETURNING …"""

    target: Name
    columns: tuple[Token, ...]
    source: Span
    returning: Span | None = None
    hints: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One `column = expression` of SET."""

    column: Token
    value: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Modify(Parsed):
    """UPDATE, REPLACE and DELETE: a target, what is set, and which rows are meant."""

    verb: Verb
    target: Name
    alias: str = ""
    assignments: tuple[Assignment, ...] = ()
    where: Span | None = None
    returning: Span | None = None
    hints: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One `@name = value` of EXEC; `minus` where a number is negative."""

    name: Token
    value: Token
    minus: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoke(Parsed):
    """EXEC resource.method @a = v, … @@json = '{…}'"""

    target: Name
    """The resource's name and the method's."""
    arguments: tuple[Argument, ...] = ()
    payload: Token | None = None
    hints: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Show(Parsed):
    """SHOW PROVIDERS | SERVICES | RESOURCES | METHODS | VERSION"""

    what: str
    """In capitals."""
    name: Name | None = None
    like: str | None = None
    extended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Describe(Parsed):
    """DESCRIBE [METHOD] [EXTENDED] name"""

    name: Name
    method: bool = False
    extended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainStatement(Parsed):
    """EXPLAIN [ANALYZE] statement"""

    statement: Statement
    analyze: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Use(Parsed):
    """USE provider"""

    provider: Token


@dataclass(frozen=True, slots=True, kw_only=True)
class SetVariable(Parsed):
    """SET name = value"""

    name: str
    value: Token
    minus: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed(Parsed):
    """A statement that does not parse: planning it raises `error`, so that those before it run."""

    error: TablecloudError


Statement: TypeAlias = (
    Query | Insert | Modify | Invoke | Show | Describe | ExplainStatement | Use | SetVariable | Malformed
)
