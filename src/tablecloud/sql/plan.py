"""The plan: what will be called, in which order, and the SQL that is left for DuckDB. Frozen data; explains
itself.

Everything above it (engine, sessions, servers) reads these types; nothing here does anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from tablecloud.catalog.model import Column, Method, Resource

Scalar: TypeAlias = str | int | float | bool | None


class Verdict(StrEnum):
    """Whether the remote side answers a conjunct. DuckDB filters again whatever the verdict."""

    EXACT = "EXACT"
    """Every row that comes satisfies it, and none that satisfies it is missing."""
    INEXACT = "INEXACT"
    """None that satisfies it is missing, but others may come."""
    UNSUPPORTED = "UNSUPPORTED"
    """Filtered here alone."""


class ConjunctVerdict(Struct, frozen=True, kw_only=True):
    """One AND-ed term, as text, with its verdict."""

    text: str
    verdict: Verdict


class Binding(Struct, frozen=True, kw_only=True):
    """The values one parameter takes; several bindings make the Cartesian product of calls."""

    parameter: str
    values: tuple[Scalar, ...]


class DependentBinding(Struct, frozen=True, kw_only=True):
    """A parameter whose values are read from rows that another scan brought."""

    parameter: str
    relation: str
    """The other scan's relation."""
    expression: str
    """SQL over that relation alone: a column, or a function of its columns."""


class Scan(Struct, frozen=True, kw_only=True):
    """One table reference answered by calls of one method.

    A scan with `dependent` bindings (a dependent scan) runs after the relations that those name.
    """

    relation: str
    """Its name in the residual SQL."""
    alias: str
    """What the user calls it."""
    resource: Resource
    method: Method
    bindings: tuple[Binding, ...] = ()
    dependent: tuple[DependentBinding, ...] = ()
    columns: tuple[Column, ...] = ()
    """Fields of the row that are needed."""
    parameter_columns: tuple[str, ...] = ()
    """Parameters that appear as columns, filled from the call's arguments. An optional one may be among
    `columns` as well: there the row's value comes first, because the service may read the parameter
    otherwise than `=`."""
    remote_filter: str | None = None
    """The expression for the method's remote filter parameter."""
    conjuncts: tuple[ConjunctVerdict, ...] = ()
    limit: int | None = None
    """Rows after which paging may stop; only when nothing above needs the rest."""
    uses: int = 1
    """How often the residual SQL reads the relation; once means it may be streamed."""

    @property
    def calls(self) -> int:
        """How many argument sets the constant bindings make."""
        count = 1
        for binding in self.bindings:
            count *= len(binding.values)
        return count


class QueryPlan(Struct, frozen=True, kw_only=True):
    """A SELECT: scans in dependency order, then one statement for DuckDB."""

    text: str
    """What the user wrote."""
    scans: tuple[Scan, ...]
    residual_sql: str
    parameters: Mapping[str, Scalar] = {}
    """Prepared values that the residual SQL still names, `$1` as `1`."""


class Target(Struct, frozen=True, kw_only=True):
    """What one column of a mutation's source sets: a parameter, or a place in the body."""

    column: str
    parameter: str | None = None
    body_path: tuple[str, ...] | None = None
    type_name: str = ""
    """`json`: text is parsed and embedded; `string`: kept as text; empty: text that is a JSON object or
    array is embedded where the body's schema has an object or array."""


class Mutation(Struct, frozen=True, kw_only=True):
    """INSERT, UPDATE, REPLACE or DELETE: one call a row of the source."""

    text: str
    verb: str
    resource: Resource
    method: Method
    source: QueryPlan
    """Its rows are the argument sets; column i belongs to `targets[i]`."""
    targets: tuple[Target, ...]
    await_: bool = False
    returning: str | None = None
    """The select list after RETURNING, over a relation called `returned`; None where there is no
    RETURNING."""


class Invocation(Struct, frozen=True, kw_only=True):
    """EXEC: one bare call."""

    text: str
    resource: Resource
    method: Method
    arguments: Mapping[str, Scalar]
    body: bytes | None = None
    await_: bool = False
    show_results: bool = True


class Table(Struct, frozen=True, kw_only=True):
    """Rows that are known without any call: SHOW, DESCRIBE, EXPLAIN."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Scalar, ...], ...]


class SessionChange(Struct, frozen=True, kw_only=True):
    """USE, SET: changes the session and returns a message."""

    setting: str
    value: Scalar
    message: str


class RegistryAction(Struct, frozen=True, kw_only=True):
    """REGISTRY: lists, installs or removes provider packages; whoever runs it opens the catalog anew."""

    action: str
    """`LIST`, `PULL` or `REMOVE`."""
    provider: str = ""
    version: str = ""


class Explain(Struct, frozen=True, kw_only=True):
    """EXPLAIN: the plan that would run; `analyze` runs it as well."""

    plan: QueryPlan | Mutation | Invocation | Table
    analyze: bool = False


Plan: TypeAlias = QueryPlan | Mutation | Invocation | Table | SessionChange | RegistryAction | Explain
