"""The `fields` parameter: parse a selector, check it against the reply's schema, cut the reply down. Pure.

Contract: ml-jobs-service 1.8: `a,b/c,d(e,f/g),*`.
"""

from __future__ import annotations

from typing import Any

from tablecloud.jobs.wire.errors import ApiError, invalid
from tablecloud.jobs.wire.schemas import Field, message

Selection = dict[str, Any]
"""Name (or `*`) to what is kept below it; an empty Selection keeps everything below."""

_MAX_LENGTH = 4096
_MAX_DEPTH = 32


def parse_fields(text: str, schema: str) -> Selection:
    """Return the selection of a `fields` parameter, with canonical names.

    Parameters:
        text: the parameter; empty selects everything.
        schema: Discovery schema id of the reply.

    Raises:
        ApiError: INVALID_ARGUMENT: bad syntax, or a path the reply cannot have.
    """
    if not text.strip():
        return {}
    if len(text) > _MAX_LENGTH:
        raise _no_match(text[:80] + "…")
    parser = _Parser(text)
    selection = parser.group(0)
    if parser.at < len(text):
        raise _no_match(text)
    return _checked(selection, schema, "")


def select(value: Any, selection: Selection) -> Any:
    """Return the selected part of a JSON value; lists are mapped through."""
    if not selection:
        return value
    if isinstance(value, list):
        return [select(item, selection) for item in value]
    if not isinstance(value, dict):
        return value
    rest = selection.get("*")
    result = {}
    for name, item in value.items():
        below = selection.get(name, rest)
        if below is not None:
            result[name] = select(item, below)
    return result


class _Parser:
    """One pass over the text; `at` is the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def group(self, depth: int) -> Selection:
        selection: Selection = {}
        while True:
            self.path(selection, depth)
            if not self.take(","):
                return selection

    def path(self, selection: Selection, depth: int) -> None:
        """Add one path to a selection; a shorter path already there keeps all, so it wins."""
        if depth > _MAX_DEPTH:
            raise _no_match(self.text)
        name = self.name()
        below: Selection = {}
        if self.take("/"):
            self.path(below, depth + 1)
        elif self.take("("):
            below = self.group(depth + 1)
            if not self.take(")"):
                raise _no_match(self.text)
        earlier = selection.get(name)
        selection[name] = below if earlier is None else _merged(earlier, below)

    def name(self) -> str:
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in ",/()":
            self.at += 1
        name = self.text[start : self.at].strip()
        if not name:
            raise _no_match(self.text)
        return name

    def take(self, char: str) -> bool:
        found = self.text.startswith(char, self.at)
        self.at += found
        return found


def _merged(one: Selection, other: Selection) -> Selection:
    if not one or not other:
        return {}
    result = dict(one)
    for name, below in other.items():
        result[name] = _merged(result[name], below) if name in result else below
    return result


def _checked(selection: Selection, schema: str, path: str) -> Selection:
    shape = message(schema)
    if shape.open:
        return selection
    result: Selection = {}
    for name, below in selection.items():
        here = f"{path}/{name}" if path else name
        if name == "*":
            result[name] = below
            continue
        field = shape.fields.get(name)
        if field is None:
            raise _no_match(here)
        kept = _below(field, below, here)
        result[field.name] = kept if field.name not in result else _merged(result[field.name], kept)
    return result


def _below(field: Field, below: Selection, path: str) -> Selection:
    if not below or field.kind == "any":
        return below
    if field.mapped:
        return {key: _below_map(field, inner, f"{path}/{key}") for key, inner in below.items()}
    if field.kind != "message":
        raise _no_match(f"{path}/{next(iter(below))}")
    return _checked(below, field.schema, path)


def _below_map(field: Field, below: Selection, path: str) -> Selection:
    if below and field.kind != "message":
        raise _no_match(f"{path}/{next(iter(below))}")
    return _checked(below, field.schema, path) if below else below


def _no_match(path: str) -> ApiError:
    text = f"Error expanding 'fields' parameter. Cannot find matching fields for path '{path}'."
    return invalid(text, field="fields")
