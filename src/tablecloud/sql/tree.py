"""DuckDB's parse tree of a SELECT, as far as we read it: nodes as JSON objects, their place, and how to
walk them.

The nodes stay plain JSON on purpose. Whatever DuckDB adds to its grammar is still walked, so that no column
reference is overlooked; typed records are made in `bind` from the few kinds we understand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from tablecloud.duck import parse_select
from tablecloud.errors import SqlSyntaxError
from tablecloud.sql.lexer import Kind, tokenize

Node: TypeAlias = dict[str, Any]

_NOWHERE = 2**64 - 1


class Tree(Struct, frozen=True, kw_only=True):
    """The parse tree of one SELECT."""

    text: str
    root: Node
    """The query node."""
    parameters: tuple[str, ...]
    """Names of the prepared values it takes: `1` for `$1` and for the first `?`."""
    to_character: Callable[[int], int]
    """Byte offset -> character offset."""

    def start(self, node: Node) -> int | None:
        """Return where the node itself is written, in characters."""
        location = node.get("query_location", _NOWHERE)
        return None if location == _NOWHERE else self.to_character(location)

    def own_span(self, node: Node) -> tuple[int, int] | None:
        """Return the node's own place."""
        location, length = node.get("query_location", _NOWHERE), node.get("query_location_length", _NOWHERE)
        if _NOWHERE in (location, length):
            return None
        return (self.to_character(location), self.to_character(location + length))

    def span(self, node: Node) -> tuple[int, int] | None:
        """Return the place of the node with all that is below it; None where that is not one balanced run
        of text."""
        spans = [span for each in walk(node) if (span := self.own_span(each))]
        if not spans:
            return None
        whole = (min(span[0] for span in spans), max(span[1] for span in spans))
        return whole if _balanced(self.text[whole[0] : whole[1]]) else None

    def written(self, node: Node) -> str:
        """Return the node's text; empty where it is not one run of text."""
        span = self.span(node)
        return self.text[span[0] : span[1]] if span else ""


def parse(text: str) -> Tree:
    """Return the tree of one SELECT.

    Raises:
        SqlSyntaxError: the text is not one statement.
        NotSupported: DuckDB cannot describe this statement.
    """
    document = msgspec.json.decode(parse_select(text))
    statements = document.get("statements", [])
    if len(statements) != 1:
        raise SqlSyntaxError("expected one statement", text=text, span=(0, len(text)))
    names = tuple(entry["key"] for entry in statements[0].get("named_param_map", []))
    return Tree(text=text, root=statements[0]["node"], parameters=names, to_character=_to_character(text))


def _to_character(text: str) -> Callable[[int], int]:
    if text.isascii():
        return int
    encoded = text.encode()
    return lambda offset: len(encoded[:offset].decode(errors="ignore"))


def children(node: Node) -> Iterator[Node]:
    """Yield the objects right below a node, whatever key or list holds them."""
    for value in node.values():
        if isinstance(value, dict):
            yield value
        elif isinstance(value, list):
            yield from _members(value)


def _members(values: list[Any]) -> Iterator[Node]:
    for value in values:
        if isinstance(value, dict):
            yield value
        elif isinstance(value, list):
            yield from _members(value)


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all below it."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += children(node)


def conjuncts(node: Node | None) -> Iterator[Node]:
    """Yield the terms that AND joins."""
    if node is None:
        return
    if node.get("type") == "CONJUNCTION_AND":
        for child in node["children"]:
            yield from conjuncts(child)
    else:
        yield node


def is_query(node: Node) -> bool:
    """Whether it is a whole SELECT, set operation or recursive part."""
    return str(node.get("type", "")).endswith("_NODE")


def _balanced(text: str) -> bool:
    try:
        tokens = tokenize(text)
    except SqlSyntaxError:
        return False
    depth = 0
    for token in tokens:
        if token.kind is Kind.SYMBOL:
            depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(token.value, 0)
        if depth < 0:
            return False
    return depth == 0
