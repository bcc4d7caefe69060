"""What one statement says, before any name is looked up: frozen records with spans into the script."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from tablecloud.catalog.model import Verb
from tablecloud.errors import TablecloudError
from tablecloud.sql.lexer import Token

Span: TypeAlias = tuple[int, int]


class Name(Struct, frozen=True, kw_only=True):
    """A dotted name; a quoted part is one part."""

    parts: tuple[str, ...]
    span: Span


class Parsed(Struct, frozen=True, kw_only=True):
    """One statement of a script."""

    script: str
    span: Span

    @property
    def text(self) -> str:
        """The statement as it is written."""
        return self.script[self.span[0] : self.span[1]]


class Query(Parsed, frozen=True, kw_only=True):
    """SELECT and whatever else reads: WITH, VALUES, FROM."""


class Insert(Parsed, frozen=True, kw_only=True):
    """INSERT INTO target(columns) source RETURNING …"""

    target: Name
    columns: tuple[Token, ...]
    source: Span
    returning: Span | None = None
    hints: frozenset[str] = frozenset()


class Assignment(Struct, frozen=True, kw_only=True):
    """One `column = expression` of SET."""

    column: Token
    value: Span


class Modify(Parsed, frozen=True, kw_only=True):
    """UPDATE, REPLACE and DELETE: a target, what is set, and which rows are meant."""

    verb: Verb
    target: Name
    alias: str = ""
    assignments: tuple[Assignment, ...] = ()
    where: Span | None = None
    returning: Span | None = None
    hints: frozenset[str] = frozenset()


class Argument(Struct, frozen=True, kw_only=True):
    """One `@name = value` of EXEC; `minus` where a number is negative."""

    name: Token
    value: Token
    minus: bool = False


class Invoke(Parsed, frozen=True, kw_only=True):
    """EXEC resource.method @a = v, … @@json = '{…}'"""

    target: Name
    """The resource's name and the method's."""
    arguments: tuple[Argument, ...] = ()
    payload: Token | None = None
    hints: frozenset[str] = frozenset()


class Show(Parsed, frozen=True, kw_only=True):
    """SHOW PROVIDERS | SERVICES | RESOURCES | METHODS | VERSION"""

    what: str
    """In capitals."""
    name: Name | None = None
    like: str | None = None
    extended: bool = False


class Describe(Parsed, frozen=True, kw_only=True):
    """DESCRIBE [METHOD] [EXTENDED] name"""

    name: Name
    method: bool = False
    extended: bool = False


class ExplainStatement(Parsed, frozen=True, kw_only=True):
    """EXPLAIN [ANALYZE] statement"""

    statement: Statement
    analyze: bool = False


class Use(Parsed, frozen=True, kw_only=True):
    """USE provider"""

    provider: Token


class SetVariable(Parsed, frozen=True, kw_only=True):
    """SET name = value"""

    name: str
    value: Token
    minus: bool = False


class RegistryStatement(Parsed, frozen=True, kw_only=True):
    """REGISTRY LIST [provider] | PULL provider [version] | REMOVE provider [version]"""

    action: str
    """In capitals."""
    provider: str = ""
    version: str = ""


class Malformed(Parsed, frozen=True, kw_only=True):
    """A statement that does not parse: planning it raises `error`, so that those before it run."""

    error: TablecloudError


Statement: TypeAlias = (
    Query
    | Insert
    | Modify
    | Invoke
    | Show
    | Describe
    | ExplainStatement
    | Use
    | SetVariable
    | RegistryStatement
    | Malformed
)
