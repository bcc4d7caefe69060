"""Gives a response the shape that its columns have, where the document says that it has another."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from tablecloud.catalog.model import Reshape

Members: TypeAlias = dict[str, msgspec.Raw]


class _Listing(msgspec.Struct):
    value: list[Members] | None = None
    next_link: msgspec.Raw = msgspec.field(name="nextLink", default=msgspec.Raw(b"null"))


def reshaped(body: bytes, reshape: Reshape | None) -> bytes:
    """Return a response's body as its rows are read from it; unchanged where it does not have the shape.

    The members of a row's `properties` become members of the row; the row's own win.
    """
    if reshape is None or not body:
        return body
    try:
        if reshape is Reshape.FLATTEN_LIST:
            found = msgspec.json.decode(body, type=_Listing)
            rows = [_flat(row) for row in found.value or ()]
            return msgspec.json.encode({"value": rows, "nextLink": found.next_link})
        return msgspec.json.encode(_flat(msgspec.json.decode(body, type=Members)))
    except msgspec.DecodeError:
        # The decoder of rows says what is wrong with it.
        return body


def _flat(row: Members) -> Members:
    properties = row.get("properties")
    inner: Members = {}
    if properties is not None and bytes(properties).lstrip().startswith(b"{"):
        inner = msgspec.json.decode(properties, type=Members)
    return {**inner, **row}
