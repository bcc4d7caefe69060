"""A lenient JSON reader driven by the Discovery schemas: many spellings in, one canonical form out. Pure.

Contract: ml-jobs-service 1.2 (what is accepted) and 1.3 (error texts). `google.protobuf.json_format` refuses
half of what real clients send, so it cannot be the parser.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

import msgspec

from tablecloud.jobs.wire.errors import ApiError, invalid
from tablecloud.jobs.wire.schemas import Field, JsonObject, Message, camel_case, message
from tablecloud.jobs.wire.times import (
    duration_of,
    format_duration,
    format_timestamp,
    parse_duration,
    parse_timestamp,
)

_INTEGER = re.compile(r"[+-]?\d{1,20}(\.0+)?\Z", re.ASCII)
_BOUNDS = {"int32": 1 << 31, "int64": 1 << 63}
_NON_FINITE = {"nan": "NaN", "infinity": "Infinity", "-infinity": "-Infinity"}
_MAX_DEPTH = 100


def read_body(schema: str, body: bytes, *, path: str = "") -> JsonObject:
    """Decode a request body and return it in canonical form.

    Parameters:
        schema: Discovery schema id of the request.
        body: the bytes; an empty body is an empty message.
        path: how errors name the message, such as `job`; empty for a request message of its own.

    Raises:
        ApiError: INVALID_ARGUMENT with the texts of contract 1.3.
    """
    return read_message(schema, decode_body(body), path=path)


def decode_body(body: bytes) -> JsonObject:
    """Decode a request body that must be an object, whatever it holds; an empty body is an empty object.

    Raises:
        ApiError: INVALID_ARGUMENT: not JSON, or no object.
    """
    if not body.strip():
        return {}
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid(f"Invalid JSON payload received. {error}") from None
    if not isinstance(value, dict):
        raise invalid("Invalid JSON payload received. The body must be an object.")
    return value


def read_message(schema: str, value: object, *, path: str = "") -> JsonObject:
    """Return a decoded JSON value in the canonical form of a schema; output-only fields are dropped.

    Raises:
        ApiError: INVALID_ARGUMENT that names the path.
    """
    return _read_message(message(schema), value, path, 0)


def _read_message(shape: Message, value: object, path: str, depth: int) -> JsonObject:
    if not isinstance(value, dict) or depth > _MAX_DEPTH:
        raise _bad_value(path, f"type.googleapis.com/{shape.type_name}", value)
    if shape.open:
        return value
    result: JsonObject = {}
    seen: set[str] = set()
    for name, item in value.items():
        field = shape.fields.get(name)
        if field is None:
            raise unknown_name(name, path)
        if item is None:
            continue
        if field.name in seen:
            raise invalid(
                f'Invalid JSON payload received. Name "{name}"{_at(path)} is set twice.', field=path
            )
        seen.add(field.name)
        if not field.output_only:
            result[field.name] = _read_field(
                field, item, f"{path}.{field.proto}" if path else field.proto, depth
            )
    _check_oneofs(shape, seen, path)
    return result


def unknown_name(name: str, path: str) -> ApiError:
    """Return the error of a body name that the message does not have."""
    return invalid(
        f'Invalid JSON payload received. Unknown name "{_clip(name)}"{_at(path)}: Cannot find field.',
        field=path,
    )


def _read_field(field: Field, value: object, path: str, depth: int) -> Any:
    if field.repeated:
        if not isinstance(value, list):
            raise _bad_value(path, field.type_name, value)
        return [_read_single(field, item, f"{path}[{i}]", depth) for i, item in enumerate(value)]
    if field.mapped:
        if not isinstance(value, dict):
            raise _bad_value(path, field.type_name, value)
        return {
            key: _read_single(field, item, f"{path}[{_clip(key)}]", depth)
            for key, item in value.items()
            if item is not None
        }
    return _read_single(field, value, path, depth)


def _read_single(field: Field, value: object, path: str, depth: int) -> Any:
    if field.kind == "any":
        return value
    if field.kind == "message":
        return _read_message(message(field.schema), value, path, depth + 1)
    try:
        if field.kind == "enum":
            return _enum(field, value)
        return _SCALARS[field.kind](value)
    except (ValueError, OverflowError):
        raise _bad_value(path, field.type_name, value) from None


def _check_oneofs(shape: Message, seen: set[str], path: str) -> None:
    for oneof, members in shape.oneofs:
        present = [name for name in members if name in seen]
        if len(present) > 1:
            raise invalid(
                f"Invalid value at '{path}' (oneof), oneof field '{oneof}' is already set. "
                f"Cannot set '{present[1]}'",
                field=path,
            )


def _bad_value(path: str, type_name: str, value: object) -> ApiError:
    shown = _clip(msgspec.json.encode(value).decode("utf-8", "replace"))
    return invalid(f"Invalid value at '{path}' ({type_name}), {shown}", field=path)


def _at(path: str) -> str:
    return f" at '{path}'" if path else ""


def _clip(text: str) -> str:
    return text if len(text) <= 200 else text[:200] + "…"


def _enum(field: Field, value: object) -> str:
    name = field.values.get(value.upper()) if isinstance(value, str) else None
    if name is None:
        raise ValueError(value)
    return name


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(value)
    return value


def _bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise ValueError(value)


def _integer(value: object, kind: str) -> int:
    if isinstance(value, str) and _INTEGER.match(value):
        number = int(value.partition(".")[0])
    elif isinstance(value, float) and value.is_integer():
        number = int(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        raise ValueError(value)
    if not -_BOUNDS[kind] <= number < _BOUNDS[kind]:
        raise ValueError(value)
    return number


def _double(value: object) -> float | int | str:
    if isinstance(value, str) and value.lower() in _NON_FINITE:
        return _NON_FINITE[value.lower()]
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(value)
    number = float(value)
    if number - number != 0:  # overflow, or a spelling such as "inf" that JSON does not have
        raise ValueError(value)
    return int(number) if number.is_integer() and abs(number) < 1 << 53 else number


def _bytes(value: object) -> str:
    text = _string(value).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise ValueError(value) from None
    return base64.b64encode(raw).decode()


def _timestamp(value: object) -> str:
    return format_timestamp(parse_timestamp(_string(value)))


def _duration(value: object) -> str:
    if isinstance(value, str):
        return format_duration(parse_duration(value))
    if not isinstance(value, dict) or not value.keys() <= {"seconds", "nanos"}:
        raise ValueError(value)
    seconds = _integer(value.get("seconds") or 0, "int64")
    return format_duration(duration_of(seconds, _integer(value.get("nanos") or 0, "int32")))


def _mask(value: object) -> str:
    if isinstance(value, dict) and value.keys() <= {"paths"}:
        value = ",".join(map(_string, value.get("paths") or ()))
    paths = (path.strip() for path in _string(value).split(","))
    return ",".join(".".join(camel_case(part) for part in path.split(".")) for path in paths if path)


_SCALARS: dict[str, Callable[[object], Any]] = {
    "string": _string,
    "bool": _bool,
    "int32": lambda value: _integer(value, "int32"),
    "int64": lambda value: str(_integer(value, "int64")),
    "double": _double,
    "bytes": _bytes,
    "timestamp": _timestamp,
    "duration": _duration,
    "mask": _mask,
}
