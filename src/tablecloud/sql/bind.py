"""Resolve the table and column references of a SELECT; where in doubt, take a column as needed.

DuckDB resolves every name again when it runs the residual SQL. Binding therefore only has to find out which
columns to fetch, and to refuse a name that cannot be right with a better message than DuckDB could give.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from tablecloud.catalog.model import Form, Resource, Verb
from tablecloud.errors import AmbiguousColumn, CatalogError, NotSupported, UnknownColumn
from tablecloud.sql.access import wire_spellings
from tablecloud.sql.bound import BoundQuery, Edit, Merge, Predicate, Reference, TableRef
from tablecloud.sql.lexer import dotted_name_end, quote_name
from tablecloud.sql.names import (
    Scope,
    find_resource,
    is_local,
    nearest,
    no_such_verb,
    segments,
    suggestion,
)
from tablecloud.sql.tree import Node, Tree, children, conjuncts, is_query, walk

_BUILT_IN = frozenset(
    [
        "current_date",
        "current_time",
        "current_timestamp",
        "localtime",
        "localtimestamp",
        "current_user",
        "session_user",
        "user",
        "current_catalog",
        "current_schema",
        "current_role",
        "rowid",
    ]
)

_RESTRICTS = {"INNER": (True, True), "LEFT": (False, True), "RIGHT": (True, False), "SEMI": (True, True)}
"""Join type -> whether ON may restrict the (left, right) side. ANTI keeps what does not match, so only its
right side."""
_RESTRICTS["ANTI"] = (False, True)


class _Table(Struct, kw_only=True, eq=False):
    """A table reference while its columns are being collected."""

    index: int
    resource: Resource
    alias: str
    aliased: bool
    parts: tuple[str, ...]
    span: tuple[int, int]
    repeated: bool
    fields: frozenset[str]
    parameters: frozenset[str]
    respelled: Mapping[str, str] = {}
    """Another spelling of a column, in lower case -> its own."""
    star: bool = False
    names: dict[str, tuple[int, int] | None] = {}

    def has(self, name: str) -> bool:
        return name in self.fields or name in self.parameters

    def need(self, name: str, span: tuple[int, int] | None) -> None:
        self.names.setdefault(name, span)


class _Frame(Struct, kw_only=True, eq=False):
    """The names that one SELECT can see."""

    parent: _Frame | None
    repeated: bool = False
    tables: list[_Table] = []
    others: set[str] = set()
    """Relations whose columns are not known here: CTEs, subqueries, functions."""
    opaque: bool = False
    """Whether a name that is not found may still be a column of one of these."""
    aliases: set[str] = set()
    merged: dict[str, tuple[int, ...]] = {}
    outer_joined: bool = False
    fixed: set[int] = set()
    """Tables whose rows must all be there, whatever WHERE says: sides of positional and ASOF joins."""


def bind(tree: Tree, scope: Scope) -> BoundQuery:
    """Return the query with its references resolved.

    Raises:
        CatalogError: a table that does not exist.
        UnknownColumn, AmbiguousColumn: a column that cannot be meant.
        NotSupported: a resource that cannot be read.
    """
    binder = _Binder(tree, scope)
    binder.query(tree.root, None, repeated=False)
    return binder.result()


class _Binder:
    """Walks the tree once and collects tables, predicates and references."""

    def __init__(self, tree: Tree, scope: Scope) -> None:
        self.tree = tree
        self.scope = scope
        self.tables: list[_Table] = []
        self.predicates: list[Predicate] = []
        self.merges: list[Merge] = []
        self.references: dict[int, Reference] = {}
        self.edits: list[Edit] = []
        self.mentions = _count_local_names(tree)

    def result(self) -> BoundQuery:
        tables = tuple(
            TableRef(
                index=table.index,
                resource=table.resource,
                alias=table.alias,
                aliased=table.aliased,
                span=table.span,
                star=table.star,
                names=table.names,
                repeated=table.repeated,
            )
            for table in self.tables
        )
        return BoundQuery(
            tree=self.tree,
            tables=tables,
            predicates=tuple(self.predicates),
            merges=tuple(self.merges),
            references=self.references,
            edits=tuple(self.edits),
        )

    # --- queries

    def query(self, node: Node, parent: _Frame | None, *, repeated: bool) -> None:
        self._ctes(node, parent, repeated)
        if node["type"] == "SELECT_NODE":
            self._select(node, parent, repeated)
            return
        repeated = repeated or node["type"] == "RECURSIVE_CTE_NODE"
        branches = [node[key] for key in ("left", "right") if node.get(key)] + (node.get("children") or [])
        for branch in branches:
            self.query(branch, parent, repeated=repeated)
        # ORDER BY and LIMIT of a UNION see its output columns, which are not known here.
        self._inside({"value": node.get("modifiers")}, _Frame(parent=parent, opaque=True))

    def _ctes(self, node: Node, parent: _Frame | None, repeated: bool) -> None:
        for entry in (node.get("cte_map") or {}).get("map", []):
            again = repeated or self.mentions.get(entry["key"].casefold(), 0) > 1
            self.query(entry["value"]["query_node"], parent, repeated=again)

    def _select(self, node: Node, parent: _Frame | None, repeated: bool) -> None:
        frame = _Frame(parent=parent, repeated=repeated)
        frame.aliases = {str(item.get("alias", "")).casefold() for item in node["select_list"]} - {""}
        self._from(node["from_table"], frame)
        for key, value in node.items():
            if key not in ("from_table", "cte_map"):
                self._inside({"value": value}, frame)
        restricts = frozenset(table.index for table in frame.tables) - frame.fixed
        self._predicates(node.get("where_clause"), restricts)

    def _predicates(self, condition: Node | None, restricts: frozenset[int]) -> None:
        self.predicates += [Predicate(node=term, restricts=restricts) for term in conjuncts(condition)]

    # --- FROM

    def _from(self, node: Node, frame: _Frame) -> frozenset[int]:
        """Bind a part of FROM and return the tables in it."""
        kind = node.get("type")
        if kind == "BASE_TABLE":
            return self._base_table(node, frame)
        if kind == "JOIN":
            return self._join(node, frame)
        if kind == "EMPTY":
            return frozenset()
        before = len(frame.tables)
        self._opaque(node, frame)
        return frozenset(table.index for table in frame.tables[before:])

    def _opaque(self, node: Node, frame: _Frame) -> None:
        if name := node.get("alias") or (node.get("function") or {}).get("function_name"):
            frame.others.add(str(name).casefold())
        inner = _Frame(parent=frame, opaque="source" in node, repeated=frame.repeated)
        if source := node.get("source"):
            # PIVOT and UNPIVOT make columns out of rows: all columns of what is inside may matter.
            self._from(source, inner)
            for table in inner.tables:
                table.star = True
        rest = {key: value for key, value in node.items() if key != "source"}
        self._inside(rest, inner, derived=True)
        frame.opaque = True

    def _base_table(self, node: Node, frame: _Frame) -> frozenset[int]:
        parts = tuple(node["qualified_name"]["path"])
        if is_local(parts):
            frame.others.add((node.get("alias") or parts[-1]).casefold())
            frame.opaque = True
            return frozenset()
        table = self._table(node, parts, frame)
        for other in frame.tables:
            if other.alias.casefold() == table.alias.casefold():
                raise AmbiguousColumn(
                    f"two tables are called {table.alias} here",
                    hint="give each an alias of its own",
                    span=table.span,
                )
        self.tables.append(table)
        frame.tables.append(table)
        return frozenset((table.index,))

    def _table(self, node: Node, parts: tuple[str, ...], frame: _Frame) -> _Table:
        start = self.tree.start(node)
        if start is None:
            raise NotSupported(
                f"{'.'.join(parts)} cannot be read by this statement", hint="write SELECT * FROM it"
            )
        span = (start, dotted_name_end(self.tree.text, start))
        if node.get("column_name_alias"):
            raise NotSupported(
                "a cloud table's columns cannot be renamed in FROM", hint="name them in SELECT", span=span
            )
        resource = find_resource(parts, self.scope)
        methods = resource.serving(Verb.SELECT)
        if not methods:
            error = no_such_verb(resource, Verb.SELECT.value)
            error.span = span
            raise error
        alias = node.get("alias") or segments(parts)[-1]
        return _Table(
            index=len(self.tables),
            resource=resource,
            alias=alias,
            aliased=bool(node.get("alias")),
            parts=parts,
            span=span,
            repeated=frame.repeated,
            fields=frozenset(column.name.casefold() for method in methods for column in method.columns),
            parameters=frozenset(
                parameter.name.casefold() for method in methods for parameter in method.parameters
            ),
            respelled=wire_spellings(methods),
        )

    def _join(self, node: Node, frame: _Frame) -> frozenset[int]:
        left = self._from(node["left"], frame)
        right = self._from(node["right"], frame)
        both = left | right
        kind, reference = node.get("join_type", "INNER"), node.get("ref_type", "REGULAR")
        on_left, on_right = _RESTRICTS.get(kind, (False, False))
        restricts = (left if on_left else frozenset()) | (right if on_right else frozenset())
        if reference == "ASOF":
            # The nearest row is picked before WHERE looks: leaving rows out would bring others near.
            restricts = right
            frame.fixed |= right
        if reference == "POSITIONAL":
            restricts = frozenset()
            frame.fixed |= both
        if reference == "NATURAL":
            self._star(table for table in frame.tables if table.index in both)
        frame.outer_joined = frame.outer_joined or kind not in ("INNER", "LEFT")
        if condition := node.get("condition"):
            self._inside({"value": condition}, frame, within=both)
            self._predicates(condition, restricts - frame.fixed if reference != "ASOF" else restricts)
        for name in node.get("using_columns", []):
            self._using(name, frame, left, right, restricts)
        if kind in ("SEMI", "ANTI"):
            frame.tables = [table for table in frame.tables if table.index not in right]
        return both

    def _using(
        self, name: str, frame: _Frame, left: frozenset[int], right: frozenset[int], restricts: frozenset[int]
    ) -> None:
        key = name.casefold()
        sides = [[t for t in frame.tables if t.index in side and t.has(key)] for side in (left, right)]
        for table in (*sides[0], *sides[1]):
            table.need(key, None)
        for side, found in zip((left, right), sides, strict=True):
            tables = [table for table in frame.tables if table.index in side]
            if tables and not found and not frame.opaque:
                raise self._unknown(name, tables, None)
        if sides[0] and sides[1] and not frame.outer_joined and not frame.fixed:
            merge = Merge(left=sides[0][0].index, right=sides[1][0].index, name=key, restricts=restricts)
            self.merges.append(merge)
        frame.merged[key] = (*frame.merged.get(key, ()), *(t.index for t in (*sides[0], *sides[1])))

    # --- expressions

    def _inside(
        self,
        node: Node,
        frame: _Frame,
        *,
        within: frozenset[int] | None = None,
        lambdas: frozenset[str] = frozenset(),
        derived: bool = False,
    ) -> None:
        """Bind what is below a node: columns in `frame`, whole queries as its subqueries.

        `derived` tells a query in FROM, read once, from one in an expression, which may be read again and
        again.
        """
        for child in children(node):
            kind = child.get("class")
            if is_query(child):
                self.query(child, frame, repeated=frame.repeated or not derived)
            elif kind == "COLUMN_REF":
                self._column(child, frame, within, lambdas)
            elif kind == "STAR":
                self._starred(child, frame)
                self._inside(child, frame, within=within, lambdas=lambdas)
            else:
                inner = lambdas | _lambda_names(child) if kind == "LAMBDA" else lambdas
                self._inside(child, frame, within=within, lambdas=inner, derived=derived)

    def _starred(self, node: Node, frame: _Frame) -> None:
        relation = str(node.get("relation_name", "")).casefold()
        self._star(table for table in frame.tables if not relation or table.alias.casefold() == relation)

    @staticmethod
    def _star(tables: Iterable[_Table]) -> None:
        for table in tables:
            table.star = True

    def _column(
        self, node: Node, frame: _Frame, within: frozenset[int] | None, lambdas: frozenset[str]
    ) -> None:
        names = [str(name) for name in node["column_names"]]
        maybe = names[0].casefold() in lambdas or (len(names) == 1 and names[0].casefold() in _BUILT_IN)
        seen: list[_Table] = []
        level: _Frame | None = frame
        while level is not None:
            tables = [table for table in level.tables if within is None or table.index in within]
            if self._resolve(node, names, tables, level):
                return
            maybe = maybe or level.opaque or names[0].casefold() in level.aliases
            seen += tables
            level, within = level.parent, None
        if not maybe:
            raise self._unknown(".".join(names), seen, self.tree.own_span(node))

    def _resolve(self, node: Node, names: list[str], tables: list[_Table], frame: _Frame) -> bool:
        """Take the column as needed and return whether this frame knows it."""
        if len(names) > 1 and names[0].casefold() in frame.others:
            return True
        for table in tables:
            length = _qualifier(names, table)
            if length:
                return self._qualified(node, names, length, table, tables)
        names = _respelled(names, 0, tables)
        key = names[0].casefold()
        if key in frame.merged:
            return self._merged(node, key, frame)
        found = [table for table in tables if key in table.fields] or [
            t for t in tables if key in t.parameters
        ]
        for table in found:
            table.need(key, self.tree.own_span(node))
        if len(found) == 1 and len(names) == 1:
            self.references[id(node)] = Reference(tables=(found[0].index,), name=key)
        if found and names[0] != node["column_names"][0] and (span := self.tree.own_span(node)):
            self.edits.append(Edit(span=span, text=".".join(map(quote_name, names))))
        if len(found) > 1 and key not in frame.aliases:
            raise self._ambiguous(node, names[0], found)
        if not found and len(names) == 1:
            return self._whole_row(key, tables)
        return bool(found)

    def _qualified(
        self, node: Node, names: list[str], length: int, table: _Table, tables: list[_Table]
    ) -> bool:
        written, names = names, _respelled(names, length, [table])
        key = names[length].casefold()
        span = self.tree.own_span(node)
        if not table.has(key):
            # `labels.env` may be a field inside the column `labels` of another table of that alias.
            if any(other.has(names[0].casefold()) for other in tables):
                return False
            raise self._unknown(".".join(names), [table], span, column=names[length])
        table.need(key, span)
        if len(names) == length + 1:
            self.references[id(node)] = Reference(tables=(table.index,), name=key)
        if span and (
            length > 1 or names[0].casefold() != table.alias.casefold() or names[length] != written[length]
        ):
            rest = ".".join(quote_name(name) for name in (table.alias, *names[length:]))
            self.edits.append(Edit(span=span, text=rest))
        return True

    def _merged(self, node: Node, key: str, frame: _Frame) -> bool:
        indexes = tuple(dict.fromkeys(frame.merged[key]))
        if indexes:
            self.references[id(node)] = Reference(tables=indexes, name=key, joins=not frame.outer_joined)
        return True

    def _whole_row(self, key: str, tables: list[_Table]) -> bool:
        rows = [table for table in tables if table.alias.casefold() == key]
        self._star(rows)
        return bool(rows)

    # --- errors

    def _ambiguous(self, node: Node, name: str, found: list[_Table]) -> AmbiguousColumn:
        choices = " or ".join(f"{table.alias}.{name}" for table in found)
        return AmbiguousColumn(
            f"{name} is a column of more than one table",
            hint=f"write {choices}",
            span=self.tree.own_span(node),
        )

    def _unknown(
        self, written: str, tables: list[_Table], span: tuple[int, int] | None, *, column: str = ""
    ) -> UnknownColumn:
        name = column or written
        if not tables:
            return UnknownColumn(f"there is no column {written} here", span=span)
        known = [spelled for table in tables for spelled in spellings(table.resource)]
        where = ", ".join(dict.fromkeys(table.resource.id for table in tables))
        hint = next((text for table in tables if (text := twin_hint(table.resource, name, self.scope))), "")
        if not hint:
            near = nearest(name, known)
            hint = (
                f"did you mean {', '.join(near)}?"
                if near
                else f"DESCRIBE {tables[0].resource.id} lists its columns"
            )
        message = f"{where} has no column {name}" + (
            "" if hint.startswith("did") else suggestion(name, known)
        )
        return UnknownColumn(message, hint=hint, span=span)


def spellings(resource: Resource) -> list[str]:
    """Return the names of the columns that a resource may have when it is read."""
    methods = resource.serving(Verb.SELECT)
    fields = [column.name for method in methods for column in method.columns]
    return list(dict.fromkeys(fields + [p.name for method in methods for p in method.parameters]))


def twin_hint(resource: Resource, name: str, scope: Scope) -> str:
    """Return the hint that the column belongs to the other form of the resource; empty where it does not."""
    if resource.form is not Form.PAGE or not resource.twin:
        return ""
    try:
        twin = scope.catalog.resource((resource.provider, resource.service, *resource.twin.split(".")))
    except CatalogError:
        return ""
    fields = {c.name.casefold(): c.name for method in twin.serving(Verb.SELECT) for c in method.columns}
    field = fields.get(name.casefold())
    if field is None:
        return ""
    return f"{resource.id} has one row a page; {field} is a column of {twin.id}, which has one row an item"


def _qualifier(names: list[str], table: _Table) -> int:
    """Return how many leading names stand for the table; 0 for none."""
    lowered = [name.casefold() for name in names]
    if len(names) > 1 and lowered[0] == table.alias.casefold():
        return 1
    if table.aliased:
        return 0
    whole = table.resource.id.casefold().split(".")
    for path in ([part.casefold() for part in table.parts], whole):
        for length in range(min(len(path), len(names) - 1), 0, -1):
            if lowered[:length] == path[-length:]:
                return length
    return 0


def _respelled(names: list[str], at: int, tables: Sequence[_Table]) -> list[str]:
    """Return the names with a column's own name where another spelling of it stands."""
    key = names[at].casefold()
    if any(table.has(key) for table in tables):
        return names
    own = next((table.respelled[key] for table in tables if key in table.respelled), names[at])
    return [*names[:at], own, *names[at + 1 :]]


def _lambda_names(node: Node) -> frozenset[str]:
    # `x -> …` may be a lambda or a JSON path; both read as LAMBDA, so its left names are only never unknown.
    lhs = node.get("lhs") or {}
    return frozenset(
        str(each["column_names"][0]).casefold() for each in walk(lhs) if each.get("class") == "COLUMN_REF"
    )


def _count_local_names(tree: Tree) -> dict[str, int]:
    counts: dict[str, int] = {}
    for node in walk(tree.root):
        if node.get("type") == "BASE_TABLE":
            path = node["qualified_name"]["path"]
            if len(path) == 1:
                counts[path[0].casefold()] = counts.get(path[0].casefold(), 0) + 1
    return counts
