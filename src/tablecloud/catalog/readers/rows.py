"""Where the rows are in a response, and which columns they have.

Rules, not tables: the shape of the schema decides, so that every document is served alike.
"""

from __future__ import annotations

from dataclasses import dataclass

from tablecloud.catalog.model import Column, Form
from tablecloud.catalog.readers.document import DocumentMethod, Methods, Schema, Schemas
from tablecloud.sqltypes import SqlType, sql_type

SELECT_NAMES = ("list", "get", "aggregatedList", "search")
"""A GET of one of these names serves SELECT; the order says which of them speaks for the resource."""

EACH_VALUE = "*"
"""In `Method.items`: each value of the object found there, whatever its key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowShape:
    """The path of the rows in the response, and the schema of one of them."""

    items: tuple[str, ...]
    schema: Schema
    """Not resolved: a `$ref` where the document has one."""


def selects(name: str, method: DocumentMethod) -> bool:
    """Tell whether SELECT reaches a method: a GET called `get`, `list`, `aggregatedList` or `search`, or a
    POST of such a name that an overlay calls a query."""
    return (method.http_method == "GET" or method.queried) and name in SELECT_NAMES


def row_shape(
    schemas: Schemas, name: str, method: DocumentMethod, form: Form, segment: str, subject: str
) -> RowShape:
    """Say where the rows of a response are.

    Parameters:
        name: the method's name.
        form: on the page form only a list property called `items` is unwrapped.
        segment: last segment of the resource's path.
        subject: schema that the resource's `get` answers with; empty where it has none.
    """
    envelope = Schema(ref=method.response_schema)
    whole = RowShape(items=(), schema=envelope)
    if not selects(name, method) or name == "get":
        return whole
    found = _array(schemas, envelope, segment, subject) if form is Form.TABLE else _items(schemas, envelope)
    return found or whole


def row_name(schemas: Schemas, methods: Methods, segment: str) -> str:
    """Return a word for what one row of a resource is: two resources of one word list the same thing.

    Empty for a resource that SELECT does not reach.
    """
    name = next((n for n in SELECT_NAMES if n in methods and selects(n, methods[n])), "")
    if not name:
        return ""
    shape = row_shape(schemas, name, methods[name], Form.TABLE, segment, subject_of(methods))
    return shape.schema.ref or f"{methods[name].response_schema}.{'.'.join(shape.items)}"


def subject_of(methods: Methods) -> str:
    """Return the schema that a resource's `get` answers with; empty where it has none."""
    get = methods.get("get")
    return get.response_schema if get is not None and selects("get", get) else ""


def _items(schemas: Schemas, envelope: Schema) -> RowShape | None:
    found = schemas.resolve(envelope).properties.get("items")
    if found is None or found.type != "array" or found.items is None:
        return None
    return RowShape(items=("items",), schema=found.items)


def _array(schemas: Schemas, envelope: Schema, segment: str, subject: str) -> RowShape | None:
    """Choose the property that holds the rows: by name, then by what it holds, then the only one there is."""
    properties = schemas.resolve(envelope).properties
    scoped = _scoped(schemas, properties.get("items"), segment, subject)
    if scoped is not None:
        return scoped
    arrays = {name: p.items for name, p in properties.items() if p.type == "array" and p.items is not None}
    # An array of objects without properties, as in HttpBody, is no list of anything.
    known = {name for name, item in arrays.items() if columns_of(schemas, item)}
    objects = [name for name in arrays if name in known and schemas.resolve(arrays[name]).type == "object"]
    word = segment.lower()
    rules = (
        [name for name in arrays if name.lower() == word],
        [name for name in arrays if subject and arrays[name].ref == subject],
        [name for name in arrays if name == "items"],
        objects if len(objects) == 1 else [],
        [name for name in arrays if name.lower().endswith(word)],
        list(known) if len(arrays) == 1 else [],
    )
    chosen = next((names[0] for names in rules if names), None)
    return None if chosen is None else RowShape(items=(chosen,), schema=arrays[chosen])


def _scoped(schemas: Schemas, items: Schema | None, segment: str, subject: str) -> RowShape | None:
    """Read compute's aggregated lists: an object of scopes, each with a list of its own."""
    if items is None or items.additional_properties is None:
        return None
    inner = _array(schemas, items.additional_properties, segment, subject)
    if inner is None:
        return None
    return RowShape(items=("items", EACH_VALUE, *inner.items), schema=inner.schema)


def columns_of(schemas: Schemas, schema: Schema) -> tuple[Column, ...]:
    """Return the fields of a row: the schema's properties, or `value` where the row is no object."""
    resolved = schemas.resolve(schema)
    if resolved.type not in ("object", "") and not resolved.properties:
        return (_value_column(resolved),)
    return tuple(_column(schemas, name, p, "") for name, p in resolved.properties.items())


def body_of(schemas: Schemas, schema_name: str, method_id: str) -> tuple[Column, ...]:
    """Return the top-level fields of a request body; empty where there is no body."""
    if not schema_name:
        return ()
    properties = schemas.resolve(Schema(ref=schema_name)).properties
    return tuple(_column(schemas, name, p, method_id) for name, p in properties.items())


def _value_column(schema: Schema) -> Column:
    return Column(
        name="value",
        path=(),
        type=sql_type(schema.type, schema.format),
        json_type=schema.type,
        format=schema.format,
        description=schema.description,
    )


def _column(schemas: Schemas, name: str, declared: Schema, method_id: str) -> Column:
    actual = schemas.resolve(declared)
    json_type = actual.type or ("object" if actual.properties else "any")
    description = declared.description or actual.description
    return Column(
        name=name,
        path=(name,),
        type=sql_type(json_type, actual.format) if json_type != "any" else SqlType.JSON,
        json_type=json_type,
        format=actual.format,
        required=_required(declared, method_id),
        read_only=declared.read_only or description.lower().startswith(("output only", "[output only")),
        enum=tuple(actual.enum),
        description=description,
    )


def _required(declared: Schema, method_id: str) -> bool:
    named = declared.annotations is not None and method_id in declared.annotations.required
    return named or declared.required
