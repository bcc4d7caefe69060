"""Decodes answers for transforms: one JSON value, or several after each other."""

from __future__ import annotations

import json
import re

import msgspec

from tablecloud.errors import TransformError

_BLANK = re.compile(r"[ \t\r\n]*")


def json_values(body: bytes) -> list[object]:
    """Return the values that a body holds, `null` left out; integers are exact.

    Raises:
        TransformError: the body is not JSON.
    """
    try:
        values = [msgspec.json.decode(body)]
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.MsgspecError, UnicodeError):
        values = _several(body)
    return [value for value in values if value is not None]


def _several(body: bytes) -> list[object]:
    """Read values one after the other, as NDJSON has them; slower, and rare."""
    decoder = json.JSONDecoder(parse_constant=_refuse_constant)
    values: list[object] = []
    try:
        text = body.decode("utf-8-sig")
        position = _BLANK.match(text, 0).end()  # type: ignore[union-attr] # It matches nothing too.
        while position < len(text):
            value, position = decoder.raw_decode(text, position)
            values.append(value)
            position = _BLANK.match(text, position).end()  # type: ignore[union-attr]
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise TransformError("the answer is not the JSON that its document promises") from None
    return values


def _too_deep() -> TransformError:
    return TransformError("the answer nests too deeply")


def _refuse_constant(name: str) -> object:
    raise ValueError(name)
