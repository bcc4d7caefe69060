"""Which method answers a table reference, with which arguments, and what to say when none can."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct

from tablecloud.catalog.model import Method, Parameter, Resource, Verb
from tablecloud.errors import MissingParameter
from tablecloud.sql.lexer import quote_name
from tablecloud.sql.names import no_such_verb


def choose(resource: Resource, verb: Verb, available: Collection[str]) -> Method | None:
    """Return the method to call: of those whose required parameters are all available, the one with the most.

    Ties go to the document's order; where that order is the document's choice, it alone decides.

    Parameters:
        available: names, in lower case, of what has a value.

    Raises:
        NotSupported: no method of the resource serves the verb.
    """
    methods = resource.serving(verb)
    if not methods:
        raise no_such_verb(resource, verb.value)
    if resource.ordered:
        return next((method for method in methods if not missing(method, available)), None)
    return choose_among(methods, available)


def choose_among(methods: Sequence[Method], available: Collection[str]) -> Method | None:
    """Return the method with the most required parameters of those that have them all; ties go to the
    first."""
    able = [method for method in methods if not missing(method, available)]
    return max(able, key=lambda method: len(method.required), default=None)


def missing(method: Method, available: Collection[str]) -> tuple[str, ...]:
    """Return the required parameters of a method that are not available."""
    return tuple(
        p.name
        for p in method.parameters
        if p.required and p.name.casefold() not in available and p.wire.casefold() not in available
    )


def find_parameter(method: Method, name: str) -> Parameter | None:
    """Return a parameter of a method by its name, else by its name on the wire, without regard to case."""
    key = name.casefold()
    named = (p for p in method.parameters if p.name.casefold() == key)
    return next(named, None) or next((p for p in method.parameters if p.wire.casefold() == key), None)


def wire_spellings(methods: Sequence[Method]) -> Mapping[str, str]:
    """Return, in lower case, the wire's spelling of each column that SQL calls otherwise, and what it is."""
    spelled = {p.wire.casefold(): p.name.casefold() for m in methods for p in m.parameters}
    spelled |= {c.path[-1].casefold(): c.name.casefold() for m in methods for c in m.columns if c.path}
    return {wire: name for wire, name in spelled.items() if wire != name}


class Example(Struct, frozen=True, kw_only=True):
    """How the statement looks that would work; `{}` stands for the conditions."""

    template: str
    condition: str = "{} = '…'"
    separator: str = " AND "

    def show(self, names: Iterable[str]) -> str:
        """Return the statement with these names given."""
        terms = self.separator.join(self.condition.format(_plain(name)) for name in names)
        return self.template.format(terms)


def select_example(resource: Resource) -> Example:
    """Return how a SELECT from the resource looks."""
    return Example(template=f"SELECT * FROM {resource.id} WHERE {{}}")


def missing_parameter(
    name: str,
    methods: Sequence[Method],
    available: Collection[str],
    example: Example,
    *,
    used: Mapping[str, str] | None = None,
) -> MissingParameter:
    """Return the error that says, a method, what is still needed.

    Parameters:
        name: what was to be called.
        methods: the ways to call it.
        available: names, in lower case, of what has a value.
        used: parameters that stand in conditions that cannot give them a value -> why, `{}` for the name.
    """
    best = min(methods, key=lambda method: len(missing(method, available)))
    absent = missing(best, available)
    lines = [f"  {method.name} needs {_needs(method, available)}" for method in methods]
    message = f"{name} cannot be called without {_and(absent)}\n" + "\n".join(lines)
    hints = [f"for example: {example.show(best.required)}"]
    for each in absent:
        if reason := (used or {}).get(each.casefold()):
            hints.insert(0, reason.replace("{}", each))
    return MissingParameter(message, hint="\n".join(hints))


def _needs(method: Method, available: Collection[str]) -> str:
    absent = missing(method, available)
    given = [name for name in method.required if name not in absent]
    return _and(method.required) + (f" (given: {_and(given)})" if given else "")


def _and(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _plain(name: str) -> str:
    return name if name.isidentifier() else quote_name(name)
