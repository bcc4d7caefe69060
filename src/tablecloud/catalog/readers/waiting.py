"""How to wait for what a method of a registry document begins, told by the shape of its response's schema."""

from __future__ import annotations

from tablecloud.catalog.model import LongRunning, Verb
from tablecloud.catalog.readers.composition import properties_of
from tablecloud.catalog.readers.operations import GENERIC, LINKED, generic_rule, linked_rule, version_word
from tablecloud.catalog.readers.refs import Node, Pointers, as_node, ref_name


class Waiting:
    """The operations of one document; what was found out is kept.

    Parameters:
        document: the service document.
    """

    def __init__(self, document: Node, pointers: Pointers) -> None:
        self._document = document
        self._pointers = pointers
        self._names: dict[str, frozenset[str]] = {}
        self._polled: frozenset[str] | None = None

    def rule(self, schema: Node, http: str, path: str, verb: Verb) -> LongRunning | None:
        """Return how to wait for what a method answers with; None where that is no operation.

        Parameters:
            schema: of the answer, not resolved.
            path: the method's; a generic operation is polled under the same version word.
        """
        if http == "GET" or not schema:
            return None
        members = self._members(schema)
        if members >= GENERIC:
            word = version_word(path)
            return generic_rule(f"{word}/{{+name}}") if word in self._polled_words() else None
        if members >= LINKED:
            error = properties_of(self._pointers, schema).get("error")
            return linked_rule("errors" in properties_of(self._pointers, error), verb)
        return None

    def _members(self, schema: Node) -> frozenset[str]:
        name = ref_name(schema)
        if not name:
            return frozenset(properties_of(self._pointers, schema))
        if name not in self._names:
            self._names[name] = frozenset(properties_of(self._pointers, schema))
        return self._names[name]

    def _polled_words(self) -> frozenset[str]:
        """Return the version words under which the document offers a GET of a generic operation."""
        if self._polled is None:
            paths = as_node(self._document.get("paths"))
            self._polled = frozenset(
                version_word(str(path))
                for path, item in paths.items()
                if self._answers_with_operation(as_node(as_node(item).get("get")))
            )
        return self._polled

    def _answers_with_operation(self, operation: Node) -> bool:
        good = self._pointers.follow(as_node(operation.get("responses")).get("200"))
        content = as_node(as_node(good.get("content")).get("application/json"))
        return self._members(as_node(content.get("schema"))) >= GENERIC
