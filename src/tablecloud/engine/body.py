"""A row of a mutation's source to the arguments and the body of one call, typed as the body's schema has it.

Contract: the typing rules of INSERT and UPDATE (text that is a JSON object or array is embedded as JSON where
the body takes one, numbers and booleans keep their type, int64 goes as the wire has it).
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from tablecloud.catalog.model import Column, Method
from tablecloud.errors import InvalidValue
from tablecloud.rest.body import assemble_body
from tablecloud.sql.plan import Scalar, Target

_UNSET = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallInput:
    """What one call is made of."""

    arguments: Mapping[str, Scalar]
    body: bytes | None


def call_input(
    row: Sequence[Any], targets: Sequence[Target], method: Method, *, keep_null: bool
) -> CallInput:
    """Return the arguments and body that a source row stands for.

    Parameters:
        row: one value a target.
        keep_null: whether NULL in the body is sent as `null` (UPDATE unsets a field) or left out (INSERT).

    Raises:
        InvalidValue: a required parameter is NULL, or a value does not fit its field.
    """
    arguments: dict[str, Scalar] = {}
    places: list[tuple[tuple[str, ...], object]] = []
    fields = {column.path: column for column in method.body}
    for value, target in zip(row, targets, strict=True):
        if target.parameter is not None:
            arguments[target.parameter] = _argument(value)
        elif target.body_path is not None:
            sent = _body_value(value, target, fields.get(target.body_path))
            if sent is not None or keep_null:
                places.append((target.body_path, sent))
    for name in method.required:
        if arguments.get(name, _UNSET) is None:
            raise InvalidValue(
                f"{name} is NULL in a row", hint=f"{method.name} needs a value of {name} in every row"
            )
    takes_body = bool(places) or (bool(method.body) and method.http not in ("GET", "HEAD", "DELETE"))
    return CallInput(arguments=arguments, body=assemble_body(places) if takes_body else None)


def _argument(value: Any) -> Scalar:
    """Return a value as an argument of a call."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return (
        str(_json_value(value)) if not isinstance(value, list | dict) else msgspec.json.encode(value).decode()
    )


def _body_value(value: Any, target: Target, field: Column | None) -> object:
    """Return a value as the body has it."""
    if value is None:
        return None
    if target.type_name == "json":
        return _embedded(value, target, strict=True)
    kind = "string" if target.type_name == "string" else field.json_type if field else ""
    if kind == "string":
        return _text(value)
    if isinstance(value, str):
        return _from_text(value, kind, target)
    return _json_value(value)


def _from_text(value: str, kind: str, target: Target) -> object:
    """Return text as the kind of JSON that the field takes; kind is empty where the schema says nothing."""
    if kind in ("object", "array"):
        return _embedded(value, target, strict=True)
    if kind in ("integer", "number", "boolean"):
        types: Mapping[str, Any] = {"integer": int, "number": float, "boolean": bool}
        try:
            return msgspec.convert(value, types[kind], strict=False)
        except msgspec.ValidationError:
            raise InvalidValue(f"{target.column} takes {_article(kind)}, not {value!r}") from None
    return _embedded(value, target, strict=False)


def _embedded(value: Any, target: Target, *, strict: bool) -> object:
    """Return text that is JSON as JSON; other text as it is, or refused where `strict`."""
    if not isinstance(value, str):
        return _json_value(value)
    if not strict and not value.lstrip().startswith(("{", "[")):
        return value
    try:
        msgspec.json.decode(value)
    except msgspec.DecodeError as error:
        if strict:
            raise InvalidValue(
                f"{target.column} takes JSON: {error}", hint='write it as \'{"key": "value"}\''
            ) from error
        return value
    return msgspec.Raw(value.encode())


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    plain = _json_value(value)
    return plain if isinstance(plain, str) else msgspec.json.encode(plain).decode()


def _json_value(value: Any) -> object:
    """Return a value of DuckDB as JSON has it."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
