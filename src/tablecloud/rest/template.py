"""Expands URL templates: `{x}` percent-encoded, `{+x}` with its slashes kept; no value leaves its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote

from tablecloud.errors import InvalidValue, MissingParameter

_EXPRESSION = re.compile(r"\{(\+?)([^{}]+)\}")
_HOST_PART = re.compile(r"(https?://)?[\w.~:\[\]-]+(/[\w.~/-]*)?", re.ASCII)
# RFC 3986 pchar and "/"; "?", "#" and "%" are encoded even in {+x}, for they would end the path.
_RESERVED = "/:@!$&'()*+,;="


def expand(template: str, find: Callable[[str], str | None]) -> str:
    """Return the template with every expression replaced by the value that `find` gives for its name.

    Raises:
        MissingParameter: `find` gives None.
        InvalidValue: a value is empty or is a dot segment, so that the path would mean something else.
    """

    def replace(match: re.Match[str]) -> str:
        reserved, name = match.groups()
        return encode_path(name, find(name), reserved=bool(reserved))

    return _EXPRESSION.sub(replace, template)


def expand_server(template: str, find: Callable[[str], str | None]) -> str:
    """Return a service's address with every `{variable}` replaced by the value that `find` gives.

    A value may be a name within the host, a host with its port, or a whole address.

    Raises:
        MissingParameter: `find` gives None.
        InvalidValue: a value holds a character that addresses do not have.
    """

    def replace(match: re.Match[str]) -> str:
        name = match.group(2)
        value = find(name)
        if value is None:
            raise MissingParameter(f"the parameter {name} has no value", hint=f"add: {name} = '…'")
        if not _HOST_PART.fullmatch(value):
            raise InvalidValue(f"the parameter {name} is part of an address and cannot be {value!r}")
        return value

    return _EXPRESSION.sub(replace, template) if "{" in template else template


def encode_path(name: str, value: str | None, *, reserved: bool) -> str:
    """Percent-encode one path value (RFC 3986); `reserved` keeps slashes.

    Raises:
        MissingParameter, InvalidValue: see `expand`.
    """
    if value is None:
        raise MissingParameter(f"the parameter {name} has no value", hint=f"add: {name} = '…'")
    if not value:
        raise InvalidValue(f"the parameter {name} is empty; the call would address something else")
    segments = value.split("/") if reserved else [value]
    if any(segment in (".", "..") for segment in segments):
        raise InvalidValue(f"the parameter {name} holds '{value}', which would leave its place in the path")
    return quote(value, safe=_RESERVED if reserved else "")


def quote_query(text: str) -> str:
    """Percent-encode one key or value of a query string."""
    return quote(text, safe="")
