"""Conjuncts that a list method can filter by itself, as the expression that its filter parameter takes.

A remote filter may let rows through, it must not lose one: only operators that the document lists are used,
only constants, and DuckDB filters again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC

from msgspec import Struct

from tablecloud.catalog.model import Column, Method, RemoteFilter
from tablecloud.sql.bound import BoundQuery
from tablecloud.sql.plan import Scalar
from tablecloud.sql.pushdown import Term
from tablecloud.sql.tree import Node
from tablecloud.sql.values import as_text, constant
from tablecloud.sqltypes import SqlType

_OPERATORS = {
    "COMPARE_EQUAL": ("=", "="),
    "COMPARE_NOTEQUAL": ("!=", "!="),
    "COMPARE_LESSTHAN": ("<", ">"),
    "COMPARE_GREATERTHAN": (">", "<"),
    "COMPARE_LESSTHANOREQUALTO": ("<=", ">="),
    "COMPARE_GREATERTHANOREQUALTO": (">=", "<="),
}
"""Node type -> operator as written, and with its sides exchanged."""


class _Comparison(Struct, frozen=True, kw_only=True):
    column: Column
    operator: str
    value: Scalar


def remote_term(
    term: Node, table: int, method: Method, bound: BoundQuery, parameters: Mapping[str, Scalar]
) -> str | None:
    """Return a conjunct in the words of the method's filter; None where it cannot be said."""
    rule = method.remote_filter
    if rule is None or rule.dialect != "gcloud":
        return None
    comparison = _comparison(term, table, method, bound, parameters)
    if comparison is None or comparison.operator not in _allowed(rule, comparison.column.name):
        return None
    text = _text(comparison)
    if text is None:
        return None
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'{".".join(comparison.column.path)} {comparison.operator} "{quoted}"'


def remote_filter(
    terms: list[Term], table: int, method: Method, bound: BoundQuery, parameters: Mapping[str, Scalar]
) -> tuple[str | None, frozenset[int]]:
    """Return the whole filter expression and the `id`s of the nodes that it says."""
    said = {id(term.node): remote_term(term.node, table, method, bound, parameters) for term in terms}
    words = [text for text in said.values() if text is not None]
    return " AND ".join(words) or None, frozenset(key for key, text in said.items() if text is not None)


def _allowed(rule: RemoteFilter, column: str) -> tuple[str, ...]:
    return next((ops for name, ops in rule.columns.items() if name.casefold() == column.casefold()), ())


def _comparison(
    term: Node, table: int, method: Method, bound: BoundQuery, parameters: Mapping[str, Scalar]
) -> _Comparison | None:
    operators = _OPERATORS.get(str(term.get("type")))
    if operators is None:
        return None
    for side, other, operator in (("left", "right", operators[0]), ("right", "left", operators[1])):
        reference = bound.reference(term[side])
        value = constant(term[other], parameters) if reference else None
        if reference is None or value is None or value[0] is None or reference.tables != (table,):
            continue
        for column in method.columns:
            if column.name.casefold() == reference.name:
                return _Comparison(column=column, operator=operator, value=value[0])
    return None


def _text(comparison: _Comparison) -> str | None:
    if comparison.column.type is SqlType.TIMESTAMP:
        return _timestamp(as_text(comparison.value))
    text = as_text(comparison.value)
    # Control characters have no agreed spelling inside a filter's quotes.
    return text if text.isprintable() else None


def _timestamp(text: str) -> str | None:
    """Return a moment as RFC 3339 in UTC; None where DuckDB might read it in another way than we do."""
    from datetime import datetime

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
