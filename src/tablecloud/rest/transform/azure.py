"""The two template texts of most of the registry's methods as native code: rows with `properties` lifted.

Contract: what the templates say. A row's members are those of its `properties`, then its own, then
`"_flattened": true`; of two members with one name the last holds. Texts that are written here repeat names
as the templates do, and keep the numbers, the order and the spelling that the answer had.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256

import msgspec

_NOTHING = msgspec.Raw(b"")
_NULL = b"null"


class _Page(msgspec.Struct):
    value: msgspec.Raw = _NOTHING
    nextLink: msgspec.Raw = _NOTHING  # noqa: N815 (the name on the wire)


class _Row(msgspec.Struct):
    properties: msgspec.Raw = _NOTHING


_page = msgspec.json.Decoder(_Page)
_list = msgspec.json.Decoder(list[msgspec.Raw])
_row = msgspec.json.Decoder(_Row)


class Unusual(Exception):
    """A body of a shape the templates are not made for; the template itself says what becomes of it."""


def flatten_list(body: bytes) -> bytes:
    """Return a list answer with every row flattened: `{"value": [rows], "nextLink": …}`.

    Raises:
        Unusual: the body is not an object whose `value` is a list of objects, or is not JSON.
    """
    try:
        page = _page.decode(body)
        rows = _list.decode(page.value) if bytes(page.value) not in (b"", _NULL) else []
    except (msgspec.MsgspecError, RecursionError):
        raise Unusual from None
    link = bytes(page.nextLink) or _NULL
    return b'{"value":[%b],"nextLink":%b}' % (b",".join(map(_flattened, rows)), link)


def flatten_one(body: bytes) -> bytes:
    """Return one row flattened.

    Raises:
        Unusual: the body is not an object, or is not JSON.
    """
    return _flattened(body.strip())


def _flattened(row: bytes | msgspec.Raw) -> bytes:
    text = bytes(row)
    try:
        lifted = bytes(_row.decode(text).properties)
    except (msgspec.MsgspecError, RecursionError):
        raise Unusual from None
    if not text.startswith(b"{"):
        raise Unusual
    members = [text[1:-1].strip(), b'"_flattened":true']
    if lifted.startswith(b"{"):
        members.insert(0, lifted[1:-1].strip())
    return b"{%b}" % b",".join(filter(None, members))


NATIVE: Mapping[str, Callable[[bytes], bytes]] = {
    "9f5bbed48697e487e4ca7d9e7fe1f493697690da1a70d8b61b7c83351ac55bda": flatten_list,
    "b0aa57b2ea8803de6767be1323d904ada505c79fd23461358f7181b76d2c382a": flatten_one,
}
"""SHA-256 of a template's text, in hexadecimal -> what does the same."""


def native(template: str) -> Callable[[bytes], bytes] | None:
    """Return the code that does what a template says, None where there is none."""
    return NATIVE.get(sha256(template.encode()).hexdigest())
