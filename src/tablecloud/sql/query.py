"""A SELECT to a plan: scans in dependency order, and the user's own text with its table references
replaced."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from tablecloud.catalog.model import Column, Method, Parameter, Resource, Verb
from tablecloud.errors import InvalidValue, SqlError, UnknownColumn
from tablecloud.sql.access import choose, find_parameter, missing_parameter, select_example
from tablecloud.sql.bind import bind, spellings, twin_hint
from tablecloud.sql.bound import BoundQuery, TableRef
from tablecloud.sql.lexer import quote_name
from tablecloud.sql.names import Scope, suggestion
from tablecloud.sql.plan import Binding, ConjunctVerdict, DependentBinding, QueryPlan, Scalar, Scan, Verdict
from tablecloud.sql.pushdown import Equality, Facts, Term, collect, relation, rows_that_matter
from tablecloud.sql.remote import remote_filter
from tablecloud.sql.tree import Node, Tree, parse, walk
from tablecloud.sql.values import as_text, constant, fit, prepared


def plan_query(text: str, scope: Scope) -> QueryPlan:
    """Return the plan of one SELECT.

    Raises:
        SqlError: spans are offsets into `text`.
        CatalogError: a table that does not exist.
    """
    tree = parse(text)
    bound = bind(tree, scope)
    parameters = {name: _prepared(name, tree, scope) for name in tree.parameters}
    planner = _QueryPlanner(bound, collect(bound, parameters), parameters, scope)
    return planner.plan()


def _prepared(name: str, tree: Tree, scope: Scope) -> Scalar:
    try:
        return prepared(name, scope.parameters)
    except InvalidValue as error:
        uses = (node for node in walk(tree.root) if node.get("identifier") == name)
        error.span = next((tree.own_span(node) for node in uses), None)
        raise


class _Placement(Struct, frozen=True, kw_only=True):
    """A table reference with the method that answers it."""

    table: TableRef
    method: Method
    feeds: tuple[Equality, ...] = ()
    """One a required parameter whose values other rows bring."""


class _QueryPlanner:
    """Everything that planning one SELECT reads; its methods only compute."""

    def __init__(self, bound: BoundQuery, facts: Facts, parameters: dict[str, Scalar], scope: Scope) -> None:
        self.bound = bound
        self.facts = facts
        self.parameters = parameters
        self.scope = scope

    def plan(self) -> QueryPlan:
        placements = self._place()
        fed = [equality.source for placement in placements for equality in placement.feeds]
        scans = tuple(self._scan(placement, fed.count(placement.table.index)) for placement in placements)
        text = self.bound.tree.text
        return QueryPlan(text=text, scans=scans, residual_sql=self._residual(), parameters=self.parameters)

    # --- methods, in dependency order

    def _place(self) -> list[_Placement]:
        placed: list[_Placement] = []
        waiting = list(self.bound.tables)
        for table in self.bound.tables:
            method = choose(table.resource, Verb.SELECT, self._constants(table))
            if method is not None and not self._wants_more(table, method):
                placed.append(_Placement(table=table, method=method))
                waiting.remove(table)
        while waiting:
            ready = [p for table in waiting if (p := self._place_after(table, placed))]
            found = next((p for p in ready if p.feeds), ready[0] if ready else None)
            if found is None:
                raise self._missing(waiting[0])
            placed.append(found)
            waiting.remove(found.table)
        return placed

    def _constants(self, table: TableRef) -> set[str]:
        return {name for index, name in self.facts.values if index == table.index}

    def _wants_more(self, table: TableRef, method: Method) -> bool:
        """Return whether a join gives the table a parameter that this method does not take: `list` would do,
        but `o.operationsId = j.name` asks for `get`."""
        has = self._constants(table) | {column.name.casefold() for column in method.columns}
        fed = {
            name
            for index, name in (equality.target for equality in self.facts.equalities)
            if index == table.index
        }
        return any(name in fed and name not in has for name in table.names)

    def _place_after(self, table: TableRef, placed: Sequence[_Placement]) -> _Placement | None:
        """Place a table whose missing parameters are columns of tables already placed."""
        constants = self._constants(table)
        feeds = self._feeds(table, placed)
        method = choose(table.resource, Verb.SELECT, constants | {equality.target[1] for equality in feeds})
        if method is None:
            return None
        needed = [name.casefold() for name in method.required if name.casefold() not in constants]
        chosen = {equality.target[1]: equality for equality in reversed(feeds)}
        return _Placement(table=table, method=method, feeds=tuple(chosen[name] for name in needed))

    def _feeds(self, table: TableRef, placed: Sequence[_Placement]) -> list[Equality]:
        """Return the equalities that can feed a table, those of the source that feeds most of it first."""
        known = {placement.table.index for placement in placed}
        found = [e for e in self.facts.equalities if e.target[0] == table.index and e.source in known]
        counts = {equality.source: 0 for equality in found}
        for equality in found:
            counts[equality.source] += 1
        # One source for several parameters means pairs that belong together, not a product.
        return sorted(found, key=lambda equality: -counts[equality.source])

    def _missing(self, table: TableRef) -> SqlError:
        used = {
            reference.name: _why_unbound(term, table)
            for term in self.facts.terms
            for node in walk(term.node)
            if (reference := self.bound.reference(node)) and table.index in reference.tables and not term.key
        }
        error = missing_parameter(
            table.resource.id,
            table.resource.serving(Verb.SELECT),
            self._constants(table),
            select_example(table.resource),
            used=used,
        )
        error.span = table.span
        return error

    # --- scans

    def _scan(self, placement: _Placement, feeding: int) -> Scan:
        table, method = placement.table, placement.method
        bindings = tuple(self._bindings(table, method))
        dependent = tuple(self._dependent(placement))
        bound_names = {b.parameter for b in bindings} | {d.parameter for d in dependent}
        columns, parameter_columns = self._columns(table, method, bound_names)
        mine = [t for t in self.facts.terms if table.index in t.tables and table.index in t.restricts]
        expression, said = self._remote_filter(table, method, mine, bound_names)
        said |= {equality.term for equality in placement.feeds}
        conjuncts = tuple(
            ConjunctVerdict(text=term.text, verdict=_verdict(term, method, bound_names, said))
            for term in mine
        )
        return Scan(
            relation=relation(table.index),
            alias=table.alias,
            resource=table.resource,
            method=method,
            bindings=bindings,
            dependent=dependent,
            columns=columns,
            parameter_columns=parameter_columns,
            remote_filter=expression,
            conjuncts=conjuncts,
            limit=self._limit(conjuncts),
            uses=1 + feeding + int(table.repeated),
        )

    def _bindings(self, table: TableRef, method: Method) -> Iterable[Binding]:
        for parameter in method.parameters:
            values = self.facts.values.get((table.index, parameter.name.casefold()))
            if values is not None:
                yield Binding(parameter=parameter.name, values=self._fit(values, parameter, table))

    def _fit(self, values: tuple[Scalar, ...], parameter: Parameter, table: TableRef) -> tuple[Scalar, ...]:
        try:
            fitting = [fit(value, parameter) for value in values]
        except InvalidValue as error:
            error.span = table.names.get(parameter.name.casefold())
            raise
        return tuple({as_text(value): value for value in fitting}.values())

    def _dependent(self, placement: _Placement) -> Iterable[DependentBinding]:
        for equality in placement.feeds:
            parameter = find_parameter(placement.method, equality.target[1])
            yield DependentBinding(
                parameter=parameter.name if parameter else equality.target[1],
                relation=relation(equality.source),
                expression=rows_that_matter(
                    equality.expression, equality.source, self.bound, self.parameters
                ),
            )

    def _columns(
        self, table: TableRef, method: Method, bound_names: set[str]
    ) -> tuple[tuple[Column, ...], tuple[str, ...]]:
        names = set(table.names)
        fields = {column.name.casefold() for column in method.columns}
        parameters = {name.casefold() for name in bound_names}
        for name in table.names:
            if name not in fields and name not in parameters:
                raise self._not_in_method(table, method, name)
        wanted = fields | parameters if table.star else names
        # A field named like a required parameter may spell the same thing otherwise (a zone's URL for the
        # zone's
        # name): the filter on the parameter must stay true, so the argument is what the column shows.
        hidden = {name.casefold() for name in method.required}
        shown = wanted - hidden
        columns = tuple(column for column in method.columns if column.name.casefold() in shown)
        ordered = [parameter.name for parameter in method.parameters if parameter.name in bound_names]
        return columns, tuple(name for name in ordered if name.casefold() in wanted)

    def _not_in_method(self, table: TableRef, method: Method, name: str) -> UnknownColumn:
        resource = table.resource
        spelled = next((each for each in spellings(resource) if each.casefold() == name), name)
        is_field = any(c.name.casefold() == name for m in resource.serving(Verb.SELECT) for c in m.columns)
        called = f"{resource.id}, called by {method.name},"
        if is_field:
            hint = twin_hint(resource, name, self.scope) or _elsewhere(resource, name)
            message = f"{called} has no column {spelled}"
        else:
            field = next((each for each, of in method.identity.items() if of.casefold() == name), "")
            message = f"{spelled} is a parameter of {resource.id} that the statement gives no value"
            hint = f"its rows have it as {field}" if field else f"give it one: {spelled} = '…'"
            hint += suggestion(spelled, [c.name for c in method.columns]) if not field else ""
        return UnknownColumn(message, hint=hint, span=table.names[name])

    def _remote_filter(
        self, table: TableRef, method: Method, terms: list[Term], bound_names: set[str]
    ) -> tuple[str | None, frozenset[int]]:
        rule = method.remote_filter
        given = rule and any(p.wire == rule.parameter and p.name in bound_names for p in method.parameters)
        if rule is None or given:
            return None, frozenset()
        return remote_filter(terms, table.index, method, self.bound, self.parameters)

    # --- what is left for DuckDB

    def _limit(self, conjuncts: tuple[ConjunctVerdict, ...]) -> int | None:
        exact = all(conjunct.verdict is Verdict.EXACT for conjunct in conjuncts)
        # A term that names no table, such as `random() < 0.1`, still drops rows.
        if not exact or len(conjuncts) != len(self.facts.terms) or len(self.bound.tables) != 1:
            return None
        return _row_limit(self.bound.tree.root, self.parameters)

    def _residual(self) -> str:
        edits = [(edit.span, edit.text) for edit in self.bound.edits]
        for table in self.bound.tables:
            name = quote_name(relation(table.index))
            edits.append((table.span, name if table.aliased else f"{name} AS {quote_name(table.alias)}"))
        text = self.bound.tree.text
        for (start, end), word in sorted(edits, reverse=True):
            text = text[:start] + word + text[end:]
        return text.rstrip().removesuffix(";")


def _why_unbound(term: Term, table: TableRef) -> str:
    if term.node.get("type") == "COMPARE_EQUAL" and table.index not in term.restricts:
        return f"{term.text} cannot give {{}} a value: the outer join keeps rows that fail it"
    return f"{term.text} does not give {{}} a value: only =, IN and a join on it do"


def _verdict(term: Term, method: Method, bound_names: set[str], said: frozenset[int]) -> Verdict:
    if term.key is None:
        return Verdict.INEXACT if id(term.node) in said else Verdict.UNSUPPORTED
    name = term.key[0]
    if name in {each.casefold() for each in bound_names}:
        required = name in {each.casefold() for each in method.required}
        is_field = any(column.name.casefold() == name for column in method.columns)
        return Verdict.INEXACT if is_field and not required else Verdict.EXACT
    return Verdict.INEXACT if id(term.node) in said else Verdict.UNSUPPORTED


def _elsewhere(resource: Resource, name: str) -> str:
    owners = [m for m in resource.serving(Verb.SELECT) if any(c.name.casefold() == name for c in m.columns)]
    return "; ".join(f"{m.name} has it, and needs {', '.join(m.required) or 'nothing'}" for m in owners)


# Aggregates and set-returning functions change how many rows there are; nothing in the tree tells them from
# others.
_ROW_BY_ROW = frozenset(
    [
        "lower",
        "upper",
        "trim",
        "ltrim",
        "rtrim",
        "length",
        "substr",
        "substring",
        "split_part",
        "replace",
        "concat",
        "left",
        "right",
        "json_extract",
        "json_extract_string",
        "json_array_length",
        "json_type",
        "->",
        "->>",
        "+",
        "-",
        "*",
        "/",
        "%",
        "||",
        "~~",
        "!~~",
        "strftime",
        "date_trunc",
        "date_part",
        "round",
        "abs",
        "floor",
        "ceil",
        "regexp_extract",
        "regexp_replace",
        "regexp_matches",
        "contains",
        "starts_with",
        "struct_pack",
        "row",
    ]
)
_QUIET = frozenset(
    {"COLUMN_REF", "CASE", "STAR", "CONSTANT", "PARAMETER", "CAST", "TYPE", "COMPARISON", "CONJUNCTION"}
)


def _row_limit(root: Node, parameters: dict[str, Scalar]) -> int | None:
    """Return how many rows of its one table a SELECT can need; None where that cannot be told."""
    modifiers = root.get("modifiers", [])
    if root.get("type") != "SELECT_NODE" or [m.get("type") for m in modifiers] != ["LIMIT_MODIFIER"]:
        return None
    plain = root["from_table"].get("type") == "BASE_TABLE" and not root["from_table"].get("sample")
    grouped = root.get("group_expressions") or root.get("having") or root.get("qualify") or root.get("sample")
    if not plain or grouped or root.get("aggregate_handling") != "STANDARD_HANDLING":
        return None
    if not all(_row_by_row(item) for item in root["select_list"]):
        return None
    limit = _count(modifiers[0].get("limit"), parameters)
    offset = _count(modifiers[0].get("offset"), parameters) if modifiers[0].get("offset") else 0
    if modifiers[0].get("limit_type") != "ROW_COUNT" or limit is None or offset is None:
        return None
    return limit + offset


def _row_by_row(item: Node) -> bool:
    for node in walk(item):
        kind = node.get("class")
        allowed = (
            kind is None or kind in _QUIET or (kind == "OPERATOR" and node.get("type") != "GROUPING_FUNCTION")
        )
        if kind in ("FUNCTION", "LAMBDA"):
            allowed = str(node.get("function_name", "->")).casefold() in _ROW_BY_ROW
        if not allowed:
            return False
    return True


def _count(node: Node | None, parameters: dict[str, Scalar]) -> int | None:
    value = constant(node, parameters) if node else None
    return value[0] if value and isinstance(value[0], int) and value[0] >= 0 else None
