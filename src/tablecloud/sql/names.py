"""Names against the catalog: which references are cloud tables, and what to say about a name that is not
there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tablecloud.catalog.model import Resource
from tablecloud.errors import NotSupported
from tablecloud.sql.plan import Scalar

if TYPE_CHECKING:
    from tablecloud.catalog.catalog import Catalog

# What DuckDB itself answers to; a provider of such a name would need quoting rules of its own.
_LOCAL = frozenset({"main", "memory", "temp", "system", "information_schema", "pg_catalog", "sqlite_master"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a statement is planned against."""

    catalog: Catalog
    provider: str | None = None
    """The default provider: USE, `--provider`."""
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    """Prepared values by name; `$1` and the first `?` are `1`."""


def segments(parts: Sequence[str]) -> tuple[str, ...]:
    """Return a name's segments: `google.ml."projects.jobs"` has four."""
    return tuple(segment for part in parts for segment in part.split(".") if segment)


def is_local(parts: Sequence[str]) -> bool:
    """Whether a table reference is DuckDB's business: a CTE, a file, the information schema."""
    return len(parts) < 2 or parts[0].casefold() in _LOCAL


def full_path(parts: Sequence[str], scope: Scope) -> tuple[str, ...]:
    """Return the path with the default provider put before it where it names none."""
    path = segments(parts)
    known = {provider.casefold() for provider in scope.catalog.providers()}
    if scope.provider and path and path[0].casefold() not in known:
        return (scope.provider, *path)
    return path


def find_resource(parts: Sequence[str], scope: Scope) -> Resource:
    """Return the resource of that name.

    Raises:
        CatalogError: there is none; the message carries the nearest spellings.
    """
    return scope.catalog.resource(full_path(parts, scope))


def nearest(name: str, among: Iterable[str]) -> list[str]:
    """Return the three nearest spellings, best first."""
    import difflib

    spelled = {each.casefold(): each for each in among}
    return [
        spelled[each] for each in difflib.get_close_matches(name.casefold(), list(spelled), n=3, cutoff=0.5)
    ]


def suggestion(name: str, among: Iterable[str]) -> str:
    """Return `; did you mean a, b or c?`, or nothing."""
    near = nearest(name, among)
    if not near:
        return ""
    return (
        "; did you mean "
        + (" or ".join([", ".join(near[:-1]), near[-1]]) if len(near) > 1 else near[0])
        + "?"
    )


def no_such_verb(resource: Resource, verb: str) -> NotSupported:
    """Return the error for a statement that no method of the resource serves."""
    have: dict[str, list[str]] = {}
    for method in resource.methods:
        for each in (method.verb, *method.also):
            have.setdefault(each.value, []).append(method.name)
    listed = "; ".join(f"{key}: {', '.join(names)}" for key, names in have.items())
    actions = [method for method in resource.methods if method.verb.value == "EXEC"]
    hint = f"it has {listed}" if listed else "it has no methods"
    if actions:
        example = next((each for each in actions if each.name in ("cancel", "delete", "stop")), actions[0])
        values = ", ".join(f"@{name} = '…'" for name in example.required)
        hint += f". For example: EXEC {resource.id}.{example.name} {values}".rstrip()
    return NotSupported(f"{resource.id} has no method for {verb}", hint=hint)
