"""Gives a response the shape that its columns have, where the document says that it has another."""

from __future__ import annotations

from tablecloud.catalog.model import Method, Reshape, Transform
from tablecloud.errors import TransformError
from tablecloud.rest.transform.azure import Unusual, flatten_list, flatten_one
from tablecloud.sqltypes import SqlType


def shaped(body: bytes, method: Method) -> bytes:
    """Return a response's body as the rows of a method are read from it.

    Raises:
        TransformError: what the document prescribes does not fit the response.
    """
    if method.transform is not None:
        return _transformed(body, method, method.transform)
    return reshaped(body, method.reshape)


def reshaped(body: bytes, reshape: Reshape | None) -> bytes:
    """Return a body with the members of each row's `properties` as members of the row; the row's own win.

    It is unchanged where it does not have the shape: the decoder of rows says what is wrong with it.
    """
    if reshape is None or not body:
        return body
    try:
        return flatten_list(body) if reshape is Reshape.FLATTEN_LIST else flatten_one(body)
    except Unusual:
        return body


def _transformed(body: bytes, method: Method, transform: Transform) -> bytes:
    # The interpreter is imported by those who have something for it.
    from tablecloud.rest.transform.response import SCHEMA_XML, XmlRows, apply_response_transform
    from tablecloud.rest.transform.shapes import FieldType, RowField

    rows = None
    if transform.kind == SCHEMA_XML:
        kinds = {
            SqlType.BIGINT: FieldType.INTEGER,
            SqlType.DOUBLE: FieldType.NUMBER,
            SqlType.BOOLEAN: FieldType.BOOLEAN,
            SqlType.JSON: FieldType.OBJECT,
        }
        fields = (
            RowField(
                name=c.path[0],
                type=kinds.get(c.type, FieldType.STRING),
                element=transform.elements.get(c.path[0], ""),
            )
            for c in method.columns
            if len(c.path) == 1
        )
        rows = XmlRows(
            list_key=next(iter(method.items), "rows"), protocol=transform.protocol, fields=tuple(fields)
        )
    texts = apply_response_transform(transform.kind, transform.template, body, xml=rows)
    if len(texts) > 1:
        raise TransformError(f"{method.id} answered with several JSON values where one is expected")
    return texts[0] if texts else b""
