"""Where the columns of a mutation go: a parameter of the method, or a place in the request's body."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from tablecloud.catalog.model import Column, Method, Resource
from tablecloud.errors import AmbiguousColumn, UnknownColumn
from tablecloud.sql.access import find_parameter
from tablecloud.sql.lexer import Token
from tablecloud.sql.names import nearest
from tablecloud.sql.plan import Target

_PREFIX = "data__"


def find_target(method: Method, name: str) -> Target | None:
    """Return what a column sets.

    `data__x` and `data__x.y` are places in the body. A bare name is a parameter where the method has one of
    that name, else a place in the body.
    """
    in_body = name.casefold().startswith(_PREFIX)
    parameter = None if in_body else find_parameter(method, name)
    if parameter is not None:
        return Target(column=name, parameter=parameter.name)
    path = (name[len(_PREFIX) :] if in_body else name).split(".")
    field = find_field(method, path[0])
    if field is None or "" in path:
        return None
    return Target(column=name, body_path=(*field.path, *path[1:]))


def find_field(method: Method, name: str) -> Column | None:
    """Return a field of a method's body by its name, else by its key on the wire, without regard to case."""
    key = name.casefold()
    named = (field for field in method.body if field.name.casefold() == key)
    return next(named, None) or next(
        (f for f in method.body if f.path and f.path[-1].casefold() == key), None
    )


def parameter_names(columns: Iterable[str]) -> set[str]:
    """Return, in lower case, the columns that may be parameters."""
    return {name.casefold() for name in columns if not name.casefold().startswith(_PREFIX)}


def resolve_targets(resource: Resource, method: Method, columns: Sequence[Token]) -> list[Target]:
    """Return what each column sets.

    Raises:
        UnknownColumn: neither a parameter nor a field of the body.
        AmbiguousColumn: two columns set the same thing.
    """
    targets: list[Target] = []
    for column in columns:
        target = find_target(method, column.value)
        if target is None:
            raise _unknown(resource, method, column)
        other = next((each for each in targets if _overlap(each, target)), None)
        if other is not None:
            raise AmbiguousColumn(f"{column.value} and {other.column} set the same value", span=column.span)
        targets.append(target)
    return targets


def with_types(targets: Sequence[Target], types: Sequence[str]) -> tuple[Target, ...]:
    """Return the targets with the types that `string(…)` and `JSON(…)` in the source gave them."""
    padded = [*types, *[""] * (len(targets) - len(types))]
    return tuple(replace(target, type_name=name) for target, name in zip(targets, padded, strict=False))


def _overlap(one: Target, other: Target) -> bool:
    if one.body_path is None or other.body_path is None:
        return one.parameter is not None and one.parameter == other.parameter
    shorter = min(len(one.body_path), len(other.body_path))
    return one.body_path[:shorter] == other.body_path[:shorter]


def _unknown(resource: Resource, method: Method, column: Token) -> UnknownColumn:
    known = [parameter.name for parameter in method.parameters] + [field.name for field in method.body]
    bare = column.value[len(_PREFIX) :] if column.value.casefold().startswith(_PREFIX) else column.value
    near = nearest(bare, known)
    hint = (
        f"did you mean {', '.join(near)}?"
        if near
        else f"DESCRIBE METHOD {resource.id}.{method.name} lists them"
    )
    return UnknownColumn(
        f"{method.name} of {resource.id} takes no {column.value}", hint=hint, span=column.span
    )
