"""The WHERE of an UPDATE or DELETE, term by term: which values it gives to names, and what else it asks."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from tablecloud.catalog.model import Method, Resource
from tablecloud.errors import NotSupported
from tablecloud.sql.bound import BoundQuery, Reference
from tablecloud.sql.names import Scope, segments
from tablecloud.sql.placeholders import join_numbered
from tablecloud.sql.plan import Scalar
from tablecloud.sql.pointing import Fragment, pointing_into
from tablecloud.sql.pushdown import given_values, narrow
from tablecloud.sql.sources import parse_alone
from tablecloud.sql.statements import Modify, Span
from tablecloud.sql.targets import find_target
from tablecloud.sql.tree import Node, Tree, conjuncts, walk


class Condition(Struct, frozen=True, kw_only=True):
    """One AND-ed term."""

    span: Span
    """In the script."""
    name: str
    """The name, in lower case, that it gives values to; empty where it does something else."""


class Selection(Struct, frozen=True, kw_only=True):
    """What a WHERE says."""

    values: Mapping[str, tuple[Scalar, ...]]
    """Name in lower case -> the values it may have."""
    terms: tuple[Condition, ...]

    def only_gives(self, method: Method) -> bool:
        """Whether every term gives a parameter, or a place in the body, of the method its values."""
        return all(term.name and _is_input(method, term.name) for term in self.terms)


def _is_input(method: Method, name: str) -> bool:
    target = find_target(method, name)
    return target is not None and (target.parameter is not None or name.startswith("data__"))


def read_selection(statement: Modify, resource: Resource, scope: Scope) -> Selection:
    """Return the terms of a statement's WHERE and the values they give.

    Raises:
        SqlError: the condition is wrong, or a prepared value is missing; points into the script.
    """
    if statement.where is None:
        return Selection(values={}, terms=())
    fragment = join_numbered(statement, ["SELECT 1 WHERE ", statement.where])
    with pointing_into(fragment):
        tree = parse_alone(fragment, condition=True)
        bound = _bound(tree, statement, resource)
        values: dict[tuple[int, str], tuple[Scalar, ...]] = {}
        terms = []
        for node in conjuncts(tree.root.get("where_clause")):
            given = given_values(node, bound, scope.parameters)
            if given is not None:
                narrow(values, (0, given[0].name), given[1])
            name = given[0].name if given else ""
            terms.append(Condition(span=_term_span(fragment, tree, node), name=name))
    return Selection(values={name: each for (_, name), each in values.items()}, terms=tuple(terms))


def _bound(tree: Tree, statement: Modify, resource: Resource) -> BoundQuery:
    references = {
        id(node): Reference(tables=(0,), name=name.casefold())
        for node in walk(tree.root)
        if node.get("class") == "COLUMN_REF"
        and (name := _own_name(node["column_names"], statement, resource))
    }
    return BoundQuery(tree=tree, tables=(), predicates=(), merges=(), references=references, edits=())


def _own_name(names: list[str], statement: Modify, resource: Resource) -> str:
    """Return the column that a reference to the statement's table names; empty for any other reference."""
    *qualifier, column = names
    lowered = [part.casefold() for part in qualifier]
    if statement.alias:
        return column if lowered in ([], [statement.alias.casefold()]) else ""
    known = [part.casefold() for part in segments(statement.target.parts)]
    whole = resource.id.casefold().split(".")
    return column if any(path[len(path) - len(lowered) :] == lowered for path in (known, whole)) else ""


def _term_span(fragment: Fragment, tree: Tree, node: Node) -> Span:
    span = tree.span(node)
    located = fragment.locate(span) if span else None
    if located is None:
        raise NotSupported(
            "this condition cannot be taken apart", hint="write it as terms joined by AND", span=span
        )
    return located
