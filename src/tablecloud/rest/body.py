"""Assembles the JSON body of a call from places and values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import msgspec

from tablecloud.catalog.model import Location, Method, Parameter
from tablecloud.errors import InvalidValue
from tablecloud.sqltypes import SqlType

Scalar: TypeAlias = str | int | float | bool | None


_KINDS = {SqlType.BIGINT: "integer", SqlType.DOUBLE: "number", SqlType.BOOLEAN: "boolean"}


class _Branch(dict[str, object]):
    """An object made here; an object that the user gave as a value is never written into."""


def assemble_body(pairs: Iterable[tuple[tuple[str, ...], object]]) -> bytes:
    """Return the JSON object that has each value at its path.

    Parameters:
        pairs: path below the root, and value: anything JSON has; `msgspec.Raw` for text that is JSON already.

    Raises:
        InvalidValue: one place is given twice, or both as a value and as an object around other values.
    """
    root = _Branch()
    for path, value in pairs:
        branch = root
        for key in path[:-1]:
            inner = branch.setdefault(key, _Branch())
            if not isinstance(inner, _Branch):
                raise _clash(path)
            branch = inner
        if path[-1] in branch:
            raise _clash(path)
        branch[path[-1]] = value
    return msgspec.json.encode(root)


def body_of_arguments(method: Method, arguments: Mapping[str, Scalar]) -> bytes | None:
    """Return the body that a call's arguments make; None where none of them goes there.

    Text of a field that is no text is sent as the JSON that it is. A query by POST always has a body.

    Raises:
        InvalidValue: text that is no number, for a field that is one.
    """
    kinds = {field.path: field.json_type for field in method.body}
    pairs = [
        ((p.wire,), _as_json(p, kinds.get((p.wire,)) or _kind_of(p), value))
        for p in method.parameters
        if p.location is Location.BODY and (value := arguments.get(p.name)) is not None
    ]
    return assemble_body(pairs) if pairs or method.is_query else None


def _kind_of(parameter: Parameter) -> str:
    """Return the JSON type of a parameter that no field of the body describes."""
    return "array" if parameter.repeated else _KINDS.get(parameter.type, "string")


def _as_json(parameter: Parameter, kind: str, value: Scalar) -> object:
    if kind == "string":
        return value if isinstance(value, str) else msgspec.json.encode(value).decode()
    if not isinstance(value, str):
        return value
    if kind in _KINDS.values():
        try:
            return msgspec.json.decode(value, type=int | float | bool)
        except msgspec.MsgspecError:
            raise InvalidValue(f"the parameter {parameter.name} is of type {kind}, not {value!r}") from None
    if kind == "array" and not value.lstrip().startswith("["):
        return [value]
    try:
        msgspec.json.decode(value)
    except msgspec.DecodeError:
        return value
    return msgspec.Raw(value.encode())


def lay_upon(base: str, body: bytes | None) -> bytes | None:
    """Return a body with the constants of its method under it; a field of the body wins.

    Parameters:
        base: JSON object; empty for none, and then the body stays as it is.
        body: JSON text, or None where the call gives none.
    """
    if not base:
        return body
    if body is None:
        return base.encode()
    under = msgspec.json.decode(base, type=dict[str, msgspec.Raw])
    over = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    return msgspec.json.encode({**under, **over})


def _clash(path: tuple[str, ...]) -> InvalidValue:
    return InvalidValue(f"the body's field {'.'.join(path)} is given twice")
