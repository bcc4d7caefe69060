"""What the predicates of a SELECT say about single columns: known values, and equalities between tables.

Only `=`, IN and OR of these on one column bind; everything else only filters. A value moves along `a.x =
b.x` into `b` where the predicate may restrict `b` (`Predicate.restricts`), never into the preserved side of
an outer join: rows are left out of a scan only when no result row can need them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from msgspec import Struct

from tablecloud.errors import SqlError
from tablecloud.sql.bound import BoundQuery, Predicate, Reference
from tablecloud.sql.lexer import quote_name, quote_value
from tablecloud.sql.plan import Scalar
from tablecloud.sql.tree import Node, is_query, walk
from tablecloud.sql.values import as_text, constant

ColumnKey: TypeAlias = tuple[int, str]
"""A table's index and a column's name in lower case."""


class Equality(Struct, frozen=True, kw_only=True):
    """`target = expression over source`: the source's rows say which rows of the target can matter."""

    target: ColumnKey
    source: int
    expression: str
    """SQL over the source's relation alone."""
    column: str | None
    """The source's column where the expression is one."""
    term: int = 0
    """`id` of the predicate's node; 0 for a column of USING."""


class Term(Struct, frozen=True, kw_only=True):
    """One predicate as EXPLAIN shows it, with what it does."""

    text: str
    tables: frozenset[int]
    """Cloud tables whose columns it names."""
    key: tuple[str, tuple[int, ...]] | None
    """Column and tables that it gives values to."""
    node: Node
    restricts: frozenset[int]


class Facts(Struct, frozen=True, kw_only=True):
    """All that planning needs to know of the predicates."""

    values: Mapping[ColumnKey, tuple[Scalar, ...]]
    """Every value the column may have; empty where predicates contradict each other."""
    equalities: tuple[Equality, ...]
    terms: tuple[Term, ...]


def collect(bound: BoundQuery, parameters: Mapping[str, Scalar]) -> Facts:
    """Return the facts of a query.

    Raises:
        InvalidValue: a prepared value is missing.
    """
    values: dict[ColumnKey, tuple[Scalar, ...]] = {}
    equalities: list[Equality] = []
    terms: list[Term] = []
    for predicate in bound.predicates:
        given = given_values(predicate.node, bound, parameters)
        terms.append(_term(predicate, bound, given))
        if given is not None:
            for table in predicate.restricts.intersection(given[0].tables):
                narrow(values, (table, given[0].name), given[1])
        equalities += _equalities(predicate, bound, parameters)
    equalities += _merge_equalities(bound)
    _spread(values, equalities)
    return Facts(values=values, equalities=tuple(equalities), terms=tuple(terms))


Given: TypeAlias = tuple[Reference, tuple[Scalar, ...]]


def given_values(node: Node, bound: BoundQuery, parameters: Mapping[str, Scalar]) -> Given | None:
    """Return the column and the values of `c = 1`, `1 = c`, `c IN (1, 2)` or an OR of these on one column."""
    match node.get("type"):
        case "COMPARE_EQUAL":
            for column, other in ((node["left"], node["right"]), (node["right"], node["left"])):
                if given := _listed(column, [other], bound, parameters):
                    return given
        case "COMPARE_IN":
            return _listed(node["children"][0], node["children"][1:], bound, parameters)
        case "CONJUNCTION_OR":
            return _either([given_values(child, bound, parameters) for child in node["children"]])
    return None


def _listed(
    column: Node, members: list[Node], bound: BoundQuery, parameters: Mapping[str, Scalar]
) -> Given | None:
    reference = bound.reference(column)
    if reference is None:
        return None
    found = [_constant(member, bound, parameters) for member in members]
    known = [value[0] for value in found if value is not None]
    if len(known) != len(found):
        return None
    # NULL equals nothing.
    return reference, _distinct([value for value in known if value is not None])


def _constant(node: Node, bound: BoundQuery, parameters: Mapping[str, Scalar]) -> tuple[Scalar] | None:
    try:
        return constant(node, parameters)
    except SqlError as error:
        error.span = error.span or bound.tree.span(node)
        raise


def _either(branches: list[Given | None]) -> Given | None:
    known = [branch for branch in branches if branch is not None]
    if len(known) != len(branches) or len({(branch[0].tables, branch[0].name) for branch in known}) != 1:
        return None
    return known[0][0], _distinct([value for branch in known for value in branch[1]])


def _distinct(values: list[Scalar]) -> tuple[Scalar, ...]:
    return tuple({(type(value), as_text(value)): value for value in values}.values())


def narrow(values: dict[ColumnKey, tuple[Scalar, ...]], key: ColumnKey, more: tuple[Scalar, ...]) -> bool:
    """Intersect what is known of a column; return whether that changed it."""
    old = values.get(key)
    if old is None:
        values[key] = more
        return True
    values[key] = tuple(value for value in old if any(_may_equal(value, other) for other in more))
    return len(values[key]) != len(old)


def _may_equal(one: Scalar, other: Scalar) -> bool:
    # '05' = 5 depends on the column's type; DuckDB decides that later, so values of two types are kept.
    return isinstance(one, str) != isinstance(other, str) or as_text(one) == as_text(other)


def _spread(values: dict[ColumnKey, tuple[Scalar, ...]], equalities: list[Equality]) -> None:
    changed = True
    while changed:
        changed = False
        for equality in equalities:
            source = (equality.source, equality.column or "")
            if equality.column is not None and source in values:
                changed = narrow(values, equality.target, values[source]) or changed


def _equalities(
    predicate: Predicate, bound: BoundQuery, parameters: Mapping[str, Scalar]
) -> Iterator[Equality]:
    node = predicate.node
    if node.get("type") != "COMPARE_EQUAL":
        return
    for target, source in ((node["left"], node["right"]), (node["right"], node["left"])):
        reference = bound.reference(target)
        if reference is None or not reference.joins or reference.tables[0] not in predicate.restricts:
            continue
        table = _only_table(source, bound)
        if table is None or table == reference.tables[0]:
            continue
        expression = _over_one_table(source, bound, parameters)
        if expression:
            inner = bound.reference(source)
            yield Equality(
                target=(reference.tables[0], reference.name),
                source=table,
                expression=expression,
                column=inner.name if inner else None,
                term=id(node),
            )


def _merge_equalities(bound: BoundQuery) -> Iterator[Equality]:
    for merge in bound.merges:
        for target, source in ((merge.left, merge.right), (merge.right, merge.left)):
            if target in merge.restricts:
                yield Equality(
                    target=(target, merge.name),
                    source=source,
                    expression=_column_of(source, merge.name),
                    column=merge.name,
                )


def rows_that_matter(
    expression: str, source: int, bound: BoundQuery, parameters: Mapping[str, Scalar]
) -> str:
    """Return the expression, NULL for rows of the source that fail the predicates on it alone: they make no
    call."""
    tests = [
        f"({text})"
        for predicate in bound.predicates
        if source in predicate.restricts and _only_table(predicate.node, bound) == source
        if (text := _over_one_table(predicate.node, bound, parameters))
    ]
    return f"CASE WHEN {' AND '.join(tests)} THEN {expression} END" if tests else expression


def _only_table(node: Node, bound: BoundQuery) -> int | None:
    """Return the one cloud table that an expression is made of; None where there are more, none, or
    anything else."""
    tables: set[int] = set()
    for each in walk(node):
        if is_query(each) or each.get("class") in ("LAMBDA", "WINDOW", "STAR"):
            return None
        if each.get("class") == "COLUMN_REF":
            reference = bound.reference(each)
            if reference is None or not reference.joins:
                return None
            tables.add(reference.tables[0])
    return tables.pop() if len(tables) == 1 else None


def _over_one_table(node: Node, bound: BoundQuery, parameters: Mapping[str, Scalar]) -> str:
    """Return the expression's text with the columns of its relation and with prepared values written out."""
    span = bound.tree.span(node)
    if span is None:
        return ""
    replaced = sorted(_replacements(node, bound, parameters), reverse=True)
    text = bound.tree.text
    result = text[span[0] : span[1]]
    for start, end, word in replaced:
        result = result[: start - span[0]] + word + result[end - span[0] :]
    return result


def _replacements(
    node: Node, bound: BoundQuery, parameters: Mapping[str, Scalar]
) -> Iterator[tuple[int, int, str]]:
    for each in walk(node):
        own = bound.tree.own_span(each)
        reference = bound.reference(each) if each.get("class") == "COLUMN_REF" else None
        if own and reference:
            yield (*own, _column_of(reference.tables[0], _spelling(bound, reference)))
        if own and each.get("class") == "PARAMETER" and (value := _constant(each, bound, parameters)):
            yield (*own, quote_value(value[0]))


def relation(table: int) -> str:
    """Return the name of a table reference's relation in the residual SQL."""
    return f"scan_{table}"


def _column_of(table: int, name: str) -> str:
    return f"{quote_name(relation(table))}.{quote_name(name)}"


def _spelling(bound: BoundQuery, reference: Reference) -> str:
    resource = bound.tables[reference.tables[0]].resource
    names = [column.name for method in resource.methods for column in method.columns]
    names += [parameter.name for method in resource.methods for parameter in method.parameters]
    return next((name for name in names if name.casefold() == reference.name), reference.name)


def _term(predicate: Predicate, bound: BoundQuery, given: Given | None) -> Term:
    tables = {index for each in walk(predicate.node) if (r := bound.reference(each)) for index in r.tables}
    restricted = bool(given) and bool(predicate.restricts.intersection(given[0].tables if given else ()))
    return Term(
        text=bound.tree.written(predicate.node),
        tables=frozenset(tables),
        key=(given[0].name, given[0].tables) if given and restricted else None,
        node=predicate.node,
        restricts=predicate.restricts,
    )
