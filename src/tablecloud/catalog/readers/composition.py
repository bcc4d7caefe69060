"""What a schema of an OpenAPI document comes to: its properties, the rows inside it, their columns.

One rule for composition, used everywhere: own properties, then those of every member of `allOf`, `oneOf` and
`anyOf`; the first definition of a name holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tablecloud.catalog.model import Column
from tablecloud.catalog.readers.refs import Node, Pointers, as_list, as_node, as_text
from tablecloud.sqltypes import SqlType, sql_type

ANONYMOUS = "column_anon"
"""The column of rows that are not objects, or of which the document says nothing."""

_MEMBERS = ("allOf", "oneOf", "anyOf")
_DEEPEST = 12
_PLAIN = ("string", "integer", "number", "boolean", "object", "array")

Rename = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPlace:
    """Where rows lie in a response, and the schema of one."""

    items: tuple[str, ...]
    schema: Node


def properties_of(pointers: Pointers, schema: object) -> dict[str, Node]:
    """Return the properties of a schema by name, not resolved, composition merged."""
    found: dict[str, Node] = {}
    for name, declared in _properties(pointers, pointers.follow(schema), 0):
        found.setdefault(name, declared)
    return found


def _properties(pointers: Pointers, schema: Node, depth: int) -> Iterator[tuple[str, Node]]:
    for name, declared in as_node(schema.get("properties")).items():
        # Broken descriptions leave keys without a schema behind.
        if isinstance(name, str) and isinstance(declared, dict):
            yield name, declared
    if depth < _DEEPEST:
        for member in _members(schema):
            yield from _properties(pointers, pointers.follow(member), depth + 1)


def _members(schema: Node) -> Iterator[object]:
    for keyword in _MEMBERS:
        yield from as_list(schema.get(keyword))


def required_of(pointers: Pointers, schema: object, depth: int = 0) -> set[str]:
    """Return the names that a schema insists on: its own and those of `allOf`."""
    node = pointers.follow(schema)
    found = {name for name in as_list(node.get("required")) if isinstance(name, str)}
    if depth < _DEEPEST:
        for member in as_list(node.get("allOf")):
            found |= required_of(pointers, member, depth + 1)
    return found


def kind_of(pointers: Pointers, schema: object, depth: int = 0) -> str:
    """Return the JSON type of a schema; empty where the document does not say."""
    node = pointers.follow(schema)
    declared = node.get("type")
    if isinstance(declared, list):
        declared = next((each for each in declared if each != "null"), "")
    if declared in _PLAIN:
        return str(declared)
    if isinstance(node.get("properties"), dict) or isinstance(node.get("additionalProperties"), dict):
        return "object"
    if isinstance(node.get("items"), dict):
        return "array"
    if depth < _DEEPEST:
        kinds = {kind_of(pointers, member, depth + 1) for member in _members(node)}
        return kinds.pop() if len(kinds) == 1 else ""
    return ""


def find_rows(pointers: Pointers, schema: object, object_key: str) -> RowPlace:
    """Return where the rows of a response are.

    Parameters:
        object_key: `$.a.b`, `rows`, or empty: then an array is the rows, as is a property called `items`.
    """
    whole = RowPlace(items=(), schema=_element(pointers, schema))
    steps = _steps(object_key)
    if not object_key and kind_of(pointers, schema) != "array" and "items" in properties_of(pointers, schema):
        steps = ("items",)
    place = as_node(schema)
    for step in steps:
        declared = properties_of(pointers, place).get(step)
        if declared is None:
            # The schema does not know the way; the rows may be there all the same, unless it knows others.
            return whole if columns_known(pointers, whole.schema) else RowPlace(items=steps, schema={})
        place = declared
    return RowPlace(items=steps, schema=_element(pointers, place)) if steps else whole


def _steps(object_key: str) -> tuple[str, ...]:
    words = object_key.replace("[*]", "").split(".")
    return tuple(word for word in words if word not in ("$", ""))


def _element(pointers: Pointers, schema: object) -> Node:
    node = pointers.follow(schema)
    if kind_of(pointers, node) != "array":
        return as_node(schema)
    items = node.get("items")
    if items is None:
        items = next((m for m in map(pointers.follow, _members(node)) if "items" in m), {}).get("items")
    return as_node(items)


def columns_known(pointers: Pointers, schema: object) -> bool:
    """Tell whether a schema has properties."""
    return bool(properties_of(pointers, schema))


def columns_of(pointers: Pointers, schema: object, rename: Rename) -> tuple[Column, ...]:
    """Return the columns of a row. Names that differ by case alone count as one; the first holds.

    Parameters:
        rename: property name -> what SQL calls it.
    """
    columns: dict[str, Column] = {}
    for name, declared in properties_of(pointers, schema).items():
        spelled = rename(name)
        columns.setdefault(spelled.lower(), column_of(pointers, spelled, (name,), declared))
    return tuple(columns.values()) or (_anonymous(pointers, schema),)


def _anonymous(pointers: Pointers, schema: object) -> Column:
    kind = kind_of(pointers, schema)
    scalar = kind in ("string", "integer", "number", "boolean")
    return Column(
        name=ANONYMOUS,
        path=(),
        type=sql_type(kind) if scalar else SqlType.JSON,
        json_type=kind or "object",
        description=as_text(pointers.follow(schema).get("description")),
    )


def column_of(
    pointers: Pointers, name: str, path: tuple[str, ...], declared: object, *, required: bool = False
) -> Column:
    """Return one property as a column. What has no type, and times, are text, as the contract has it."""
    actual = pointers.follow(declared)
    kind = kind_of(pointers, actual)
    return Column(
        name=name,
        path=path,
        type=sql_type(kind) if kind else SqlType.VARCHAR,
        json_type=kind or "any",
        format=as_text(actual.get("format")),
        required=required,
        read_only=actual.get("readOnly") is True,
        enum=_words(actual.get("enum")),
        description=as_text(as_node(declared).get("description")) or as_text(actual.get("description")),
    )


def _words(values: Any) -> tuple[str, ...]:
    return tuple(value for value in as_list(values) if isinstance(value, str))
