"""Rows from the XML answers of AWS by the schema of a row: `schema_driven_xml_v0.1.0`.

Contract: the registry's rule. The wrappers around the rows are found by shape, not by name; a row's values
are typed by its schema; scalars beside the list (`NextToken`, `IsTruncated`) stay beside it, for paging
reads them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from tablecloud.rest.transform.shapes import FieldType, RowField
from tablecloud.rest.transform.xmlmap import read_xml

QUERY_PROTOCOL = "query"


def rows_from_xml(body: bytes, list_key: str, fields: Sequence[RowField], protocol: str) -> bytes:
    """Return an answer as JSON: `{"<list_key>": [row, …], "NextToken": …}`.

    Parameters:
        body: the XML; empty means no rows.
        list_key: name of the list of rows, the last step of the method's objectKey.
        fields: the properties of a row's schema.
        protocol: the document's `info.x-protocol`.

    Raises:
        TransformError: the body is not XML that is accepted.
    """
    rows: list[Mapping[str, object]] = []
    beside: dict[str, object] = {}
    if body.strip():
        root = next(iter(read_xml(body.strip()).values()))
        if isinstance(root, dict):
            wires = {field.wire for field in fields}
            content, beside = _unwrapped(root, wires, protocol)
            rows, inner = _found(content, wires)
            beside |= inner
    return msgspec.json.encode({**beside, list_key: [_projected(row, fields) for row in rows]})


def _unwrapped(
    root: dict[str, object], wires: set[str], protocol: str
) -> tuple[dict[str, object], dict[str, object]]:
    """Return what AWS's wrappers hold, and the scalars of one that was taken off for its only object."""
    root = {name: value for name, value in root.items() if not name.startswith("-")}
    if protocol == QUERY_PROTOCOL:
        names = (n for n in sorted(root) if n.endswith("Result") and isinstance(root[n], dict))
        result = root.get(next(names, ""))
        root = result if isinstance(result, dict) else root
    inner = [value for value in root.values() if isinstance(value, dict)]
    # A wrapper of rows stays: the search below finds its list, which would be lost without the wrapper.
    if wires.isdisjoint(root) and len(inner) == 1:
        child = inner[0]
        if not (wires.isdisjoint(child) and (_has_item(child) or _is_wrapper(child))):
            return child, _scalars(root)
    return root, {}


def _scalars(content: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in content.items() if isinstance(value, str)}


def _found(
    content: dict[str, object], wires: set[str]
) -> tuple[list[Mapping[str, object]], dict[str, object]]:
    """Return the rows, and the scalars beside their list."""
    if not wires.isdisjoint(content):
        return [content], {}
    name = _list_name(content)
    rows = [] if name is None else _rows(content[name], wires)
    return rows, {key: value for key, value in _scalars(content).items() if key != name}


def _list_name(content: dict[str, object]) -> str | None:
    """Return which member holds the rows: four passes, each by sorted name."""
    for fits in (_is_list, _has_item, _is_wrapper, _is_empty):
        for name in sorted(content):
            if fits(content[name]):
                return name
    return None


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _has_item(value: object) -> bool:
    return isinstance(value, dict) and "item" in value


def _is_wrapper(value: object) -> bool:
    return isinstance(value, dict) and len(value) == 1 and isinstance(next(iter(value.values())), list | dict)


def _is_empty(value: object) -> bool:
    return value == ""


def _rows(value: object, wires: set[str]) -> list[Mapping[str, object]]:
    """Return the rows in a list, in a wrapper of one, or in a single one of them."""
    while isinstance(value, dict) and wires.isdisjoint(value):
        if _has_item(value):
            value = value["item"]
        elif _is_wrapper(value):
            value = next(iter(value.values()))
        else:
            break
    if isinstance(value, dict):
        return [value]
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _projected(row: Mapping[str, object], fields: Sequence[RowField]) -> dict[str, object]:
    return {field.name: _typed(row.get(field.wire), field.type) for field in fields}


def _typed(value: object, kind: FieldType) -> object:
    """Return a value by its schema's type; text that does not fit stays text, and structure becomes text."""
    if isinstance(value, dict | list):
        if kind in (FieldType.OBJECT, FieldType.ARRAY):
            return value
        return msgspec.json.encode(value).decode()
    if not isinstance(value, str):
        return None
    if kind is FieldType.STRING:
        return value
    if not value:
        return None
    if kind is FieldType.BOOLEAN:
        return {"true": True, "false": False}.get(value.lower(), value)
    if kind in (FieldType.INTEGER, FieldType.NUMBER):
        return _number(value, kind)
    return value


def _number(text: str, kind: FieldType) -> object:
    try:
        number: object = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError):
        return text
    if isinstance(number, bool) or not isinstance(number, int | float):
        return text
    return text if kind is FieldType.INTEGER and isinstance(number, float) else number
