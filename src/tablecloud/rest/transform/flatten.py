"""Reshapes queries for services that want them flat, in a form, or without markers.

Contract: the registry's algorithms `AWSCanonical` (of `queryParamTranspose`),
`get_query_to_post_form_utf_8` and `drop_double_underscore_params` (of `requestTranslate`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_plus

import msgspec

from tablecloud.errors import TransformError

FORM = "application/x-www-form-urlencoded; charset=utf-8"
_DEEPEST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A GET whose query became the form of a POST."""

    url: str
    """Without its query."""
    body: bytes
    content_type: str = FORM


def flatten_canonical(name: str, text: str) -> list[tuple[str, str]]:
    """Return the query parameters that stand for a JSON value: list items by place from 1, members by name.

    Parameters:
        name: the query parameter.
        text: JSON; any other text is the value itself.

    Raises:
        TransformError: the value nests too deeply.
    """
    try:
        value = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError):
        return [(name, text)]
    except RecursionError:
        raise _too_deep(name) from None
    if not isinstance(value, dict | list):
        return [(name, value if isinstance(value, str) else text.strip())]
    return list(_flat(name, value, 0))


def query_to_form(url: str, body: bytes) -> Form:
    """Return a request whose query is its form, written as it was.

    Raises:
        TransformError: there is a body already.
    """
    if body:
        raise TransformError("a query cannot become the form of a request that has a body")
    address, _, query = url.partition("?")
    return Form(url=address, body=query.partition("#")[0].encode())


def drop_marked_parameters(url: str) -> str:
    """Return a URL without the query parameters whose names begin with `__`; the others stay as they are."""
    address, mark, query = url.partition("?")
    kept = [pair for pair in query.split("&") if not unquote_plus(pair.partition("=")[0]).startswith("__")]
    return f"{address}?{'&'.join(kept)}" if mark and any(kept) else address


def _flat(name: str, value: object, depth: int) -> Iterator[tuple[str, str]]:
    if depth > _DEEPEST:
        raise _too_deep(name)
    if isinstance(value, list):
        for place, item in enumerate(value, 1):
            yield from _flat(f"{name}.{place}", item, depth + 1)
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from _flat(f"{name}.{key}", member, depth + 1)
    elif value is not None:
        yield name, value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _too_deep(name: str) -> TransformError:
    return TransformError(f"the value of {name.partition('.')[0]} nests too deeply")
