"""A SELECT whose table and column references are resolved: what binding hands to planning."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from tablecloud.catalog.model import Resource
from tablecloud.sql.tree import Node, Tree


class TableRef(Struct, frozen=True, kw_only=True):
    """One reference to a cloud table."""

    index: int
    resource: Resource
    alias: str
    aliased: bool
    """Whether the alias is the user's."""
    span: tuple[int, int]
    """The dotted name, without the alias."""
    star: bool
    """Whether every column is needed."""
    names: Mapping[str, tuple[int, int] | None]
    """Columns needed, in lower case, each with the place of its first mention."""
    repeated: bool
    """Whether the reference may be read more than once: it stands in a CTE or a subquery."""


class Reference(Struct, frozen=True, kw_only=True):
    """What a column reference means: a column of one table, or of all the tables that USING merged."""

    tables: tuple[int, ...]
    name: str
    """In lower case."""
    joins: bool = True
    """Whether it may stand in an equality of two columns: false for a merged column of an outer join, which
    may be NULL where its tables are not."""


class Predicate(Struct, frozen=True, kw_only=True):
    """One AND-ed term of WHERE or ON."""

    node: Node
    restricts: frozenset[int]
    """Tables of which rows that fail it cannot matter. The nullable side of an outer join may be among
    them, its preserved side is not."""


class Merge(Struct, frozen=True, kw_only=True):
    """One column of USING: equality of two columns that no node of the tree writes down."""

    left: int
    right: int
    name: str
    restricts: frozenset[int]


class Edit(Struct, frozen=True, kw_only=True):
    """Text to put in the place of a span."""

    span: tuple[int, int]
    text: str


class BoundQuery(Struct, frozen=True, kw_only=True):
    """A SELECT after binding."""

    tree: Tree
    tables: tuple[TableRef, ...]
    predicates: tuple[Predicate, ...]
    merges: tuple[Merge, ...]
    references: Mapping[int, Reference]
    """By `id` of the COLUMN_REF node; the tree keeps the nodes alive."""
    edits: tuple[Edit, ...]
    """Column references by a table's full name, rewritten to its alias."""

    def reference(self, node: Node) -> Reference | None:
        """Return what a node refers to, where it is a column reference to a cloud table."""
        return self.references.get(id(node))
