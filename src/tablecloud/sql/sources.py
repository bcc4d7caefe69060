"""The SELECT that brings a mutation's values: its typing functions, how many columns it has, and its plan."""

from __future__ import annotations

from msgspec import Struct

from tablecloud.errors import SqlSyntaxError
from tablecloud.sql.names import Scope
from tablecloud.sql.plan import QueryPlan
from tablecloud.sql.pointing import Fragment, pointing_into
from tablecloud.sql.query import plan_query
from tablecloud.sql.tree import Node, Tree, parse

_TYPING = {"string": "string", "json": "json"}


class Source(Struct, frozen=True, kw_only=True):
    """A planned source."""

    plan: QueryPlan
    types: tuple[str, ...]
    """A column: `string`, `json`, or empty."""


def plan_source(fragment: Fragment, scope: Scope, *, width: int) -> Source:
    """Return the plan of a mutation's source.

    `string(x)` and `JSON(x)` as whole values say how the value is sent; they are taken out here and kept as
    types.

    Parameters:
        width: how many columns the mutation takes.

    Raises:
        SqlError: it is wrong, or has another number of columns; points into the script.
    """
    with pointing_into(fragment):
        tree = parse(fragment.text)
        rows = value_rows(tree.root)
        for row in rows or []:
            _check_width(tree, row, width)
        text, types = _without_typing(tree, rows or [], width)
        return Source(plan=plan_query(text, scope), types=types)


def parse_alone(fragment: Fragment, *, condition: bool) -> Tree:
    """Return the tree of a fragment that must be `SELECT expression`, or `SELECT 1 WHERE condition`, and no
    more.

    Raises:
        SqlSyntaxError: it is wrong, or goes on with FROM, ORDER BY, LIMIT and the like.
    """
    tree = parse(fragment.text)
    root = tree.root
    plain = root.get("type") == "SELECT_NODE" and root["from_table"].get("type") == "EMPTY"
    extra = [
        key for key in ("modifiers", "group_expressions", "having", "qualify", "sample") if root.get(key)
    ]
    extra += ["where"] if root.get("where_clause") and not condition else []
    if not plain or extra or len(root["select_list"]) != 1 or root["select_list"][0].get("alias"):
        what = "condition" if condition else "expression"
        raise SqlSyntaxError(f"expected one {what}", span=(fragment.pieces[0].at, len(fragment.text)))
    return tree


def value_rows(root: Node) -> list[list[Node]] | None:
    """Return the expressions of each row of VALUES, or the one select list; None where a star hides their
    number."""
    if root.get("type") == "SET_OPERATION_NODE":
        return value_rows(root["children"][0]) if root.get("children") else None
    if root.get("type") != "SELECT_NODE":
        return None
    if (
        root["from_table"].get("type") == "EXPRESSION_LIST"
        and root["from_table"].get("alias") == "valueslist"
    ):
        rows: list[list[Node]] = root["from_table"]["values"]
        return rows
    items: list[Node] = root["select_list"]
    return None if any(item.get("class") == "STAR" for item in items) else [items]


def _check_width(tree: Tree, row: list[Node], width: int) -> None:
    if len(row) == width:
        return
    first = tree.span(row[min(width, len(row) - 1)]) if row else None
    raise SqlSyntaxError(
        f"columns named: {width}, values given: {len(row)}",
        span=first,
    )


def _without_typing(tree: Tree, rows: list[list[Node]], width: int) -> tuple[str, tuple[str, ...]]:
    text, types = tree.text, [""] * width
    for row in rows:
        for index, item in enumerate(row):
            name = str(item.get("function_name", "")).casefold()
            span = tree.own_span(item)
            if (
                item.get("class") != "FUNCTION"
                or name not in _TYPING
                or span is None
                or len(item["arguments"]) != 1
            ):
                continue
            types[index] = _TYPING[name]
            # Blanks of the same length keep every other place in the text where it is.
            length = text.index("(", span[0]) - span[0]
            text = text[: span[0]] + " " * length + text[span[0] + length :]
    return text, tuple(types)
