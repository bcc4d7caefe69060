"""Finds values in a JSON document by path: `$.a.b`, `$..id`, `$.rows[*]`, `$.edges[-1:]`, `$.x[?(@.n > 1)]`.

Contract: JSONPath as provider documents use it for rows, tokens and cursors. A path without `*`, `..`, a
slice or a filter is definite: it means one value or none. A text that does not begin with `$` names one
member.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from tablecloud.errors import TransformError
from tablecloud.rest.transform.jsonpath_filter import Test, parse_test

_STEP = re.compile(
    r"""
      (?P<descend>\.\.)(?=[^.\s])
    | (?P<star>\.?\*|\[\s*\*\s*\])
    | \.(?P<name>@odata\.\w+|[^.\[\]*\s?()'"]+)
    | (?P<bare>(?<=\.\.)[^.\[\]*\s?()'"]+)
    | \[\s*(?P<quoted>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\s*\]
    | \[\s*(?P<place>-?\d{1,15})\s*\]
    | \[\s*(?P<start>-?\d{1,15})?\s*:\s*(?P<stop>-?\d{1,15})?\s*\]
    | \[\s*\?(?P<filter>.+?)\s*\](?=$|[.\[])
    """,
    re.VERBOSE | re.S,
)
_LONGEST = 2_000


@dataclass(frozen=True, slots=True)
class Child:
    """A member by name."""

    name: str


@dataclass(frozen=True, slots=True)
class Place:
    """An item by its place, from the end where negative."""

    place: int


@dataclass(frozen=True, slots=True)
class Slice:
    """Items from one place up to another."""

    start: int | None
    stop: int | None


@dataclass(frozen=True, slots=True)
class Every:
    """All members or items."""


@dataclass(frozen=True, slots=True)
class Descend:
    """The value and all that is in it, at any depth."""


@dataclass(frozen=True, slots=True)
class Where:
    """The members or items that pass a test."""

    test: Test


Step: TypeAlias = Child | Place | Slice | Every | Descend | Where


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A path that was read."""

    steps: tuple[Step, ...]

    @property
    def definite(self) -> bool:
        """Whether the path means at most one value."""
        return all(isinstance(step, Child | Place) for step in self.steps)


@lru_cache(maxsize=1024)
def parse_path(text: str) -> JsonPath:
    """Return the path that a text spells.

    Raises:
        TransformError: it is no path that is offered here.
    """
    if not text.startswith("$"):
        return JsonPath((Child(text),))
    steps: list[Step] = []
    position = 1
    while position < len(text) <= _LONGEST:
        match = _STEP.match(text, position)
        if match is None:
            break
        steps.append(_step(match))
        position = match.end()
    if position < len(text):
        raise TransformError(
            f"the path {text[:80]} cannot be read from {text[position : position + 20]!r} on"
        )
    return JsonPath(tuple(steps))


def find_all(path: JsonPath, document: object) -> list[object]:
    """Return every value that a path reaches, in the document's order."""
    found: Iterable[object] = (document,)
    for step in path.steps:
        found = [value for parent in found for value in _below(step, parent)]
    return list(found)


def find(path: JsonPath, document: object, default: object = None) -> object:
    """Return the value of a definite path (`default` for none), the list of values of any other."""
    found = find_all(path, document)
    if not path.definite:
        return found
    return found[0] if found else default


def find_token(path: JsonPath, document: object) -> object:
    """Return the value that a token's path reaches, None for none; a list of one item counts as the item."""
    found = find(path, document)
    return found[0] if isinstance(found, list) and len(found) == 1 else found


def _step(match: re.Match[str]) -> Step:
    if match["descend"]:
        return Descend()
    if match["star"]:
        return Every()
    if match["quoted"]:
        return Child(re.sub(r"\\(.)", r"\1", match["quoted"][1:-1]))
    if match["place"]:
        return Place(int(match["place"]))
    if match["filter"]:
        return Where(parse_test(match["filter"]))
    if match["name"] or match["bare"]:
        return Child(match["name"] or match["bare"])
    return Slice(*(None if place is None else int(place) for place in match.group("start", "stop")))


def _below(step: Step, parent: object) -> Iterator[object]:
    match step:
        case Child():
            if isinstance(parent, dict) and step.name in parent:
                yield parent[step.name]
        case Place():
            if isinstance(parent, list) and -len(parent) <= step.place < len(parent):
                yield parent[step.place]
        case Slice():
            if isinstance(parent, list):
                yield from parent[step.start : step.stop]
        case Every():
            yield from _children(parent)
        case Descend():
            yield from _descendants(parent)
        case Where():
            yield from (child for child in _children(parent) if step.test.passes(child))


def _children(parent: object) -> Iterable[object]:
    if isinstance(parent, dict):
        return parent.values()
    return parent if isinstance(parent, list) else ()


def _descendants(root: object) -> Iterator[object]:
    """Yield the value and all below it, parents first; a stack in place of recursion bears any depth."""
    waiting = [root]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict | list):
            yield value
            waiting.extend(reversed(list(_children(value))))
