"""References inside an OpenAPI document: JSON pointers, followed when somebody asks.

Contract: OpenAPI 3.0 reference objects. A reference's siblings are ignored, circles end, and what is missing
is an empty object: public documents are never checked more strictly than they are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Node: TypeAlias = Mapping[str, Any]
"""An object of the document."""

_LONGEST_CHAIN = 20
_NOTHING: Node = {}


def as_node(value: object) -> Node:
    """Return an object of the document, empty where there is something else."""
    return value if isinstance(value, Mapping) else _NOTHING


def as_list(value: object) -> list[Any]:
    """Return an array of the document, empty where there is something else."""
    return value if isinstance(value, list) else []


def as_text(value: object) -> str:
    """Return a text of the document, empty where there is something else."""
    return value if isinstance(value, str) else ""


def ref_name(node: Node) -> str:
    """Return the last segment of a node's reference; empty where it has none."""
    return _unescape(as_text(node.get("$ref")).rpartition("/")[2])


class Pointers:
    """Looks up the references of one document."""

    def __init__(self, document: Node) -> None:
        self._document = document
        self._known: dict[str, Node] = {}

    def follow(self, value: object) -> Node:
        """Return the object that a value is, or refers to, through any number of references."""
        node = as_node(value)
        for _ in range(_LONGEST_CHAIN):
            pointer = node.get("$ref")
            if not isinstance(pointer, str):
                return node
            node = self.at(pointer)
        return _NOTHING

    def at(self, pointer: str) -> Node:
        """Return the object at a pointer such as `#/components/schemas/Tag/allOf/0`."""
        if pointer not in self._known:
            self._known[pointer] = self._find(pointer)
        return self._known[pointer]

    def _find(self, pointer: str) -> Node:
        place: Any = self._document
        for segment in pointer.removeprefix("#/").split("/"):
            key = _unescape(segment)
            if isinstance(place, list):
                place = place[int(key)] if key.isdecimal() and int(key) < len(place) else None
            else:
                place = as_node(place).get(key)
        return as_node(place)

    def operation(self, pointer: str) -> tuple[str, str, Node, Node]:
        """Return path, HTTP method, operation and path item of `#/paths/~1a~1b/get`.

        The path may hold any character; the HTTP method is what follows the last slash.
        """
        escaped, _, http = pointer.removeprefix("#/paths/").rpartition("/")
        path = _unescape(escaped)
        item = as_node(as_node(self._document.get("paths")).get(path))
        return path, http.upper(), as_node(item.get(http)), item


def _unescape(segment: str) -> str:
    return segment.replace("~1", "/").replace("~0", "~")
