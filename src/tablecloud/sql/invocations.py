"""EXEC to a plan: one method by name, its arguments checked, its body validated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from tablecloud.catalog.model import Location, Method, Resource
from tablecloud.errors import InvalidValue, MissingParameter, SqlError, UnknownColumn
from tablecloud.sql.access import Example, choose_among, find_parameter, missing_parameter
from tablecloud.sql.lexer import Token
from tablecloud.sql.names import Scope, full_path, nearest
from tablecloud.sql.plan import Invocation, Scalar
from tablecloud.sql.statements import Argument, Invoke
from tablecloud.sql.targets import find_field, find_target
from tablecloud.sql.values import fit, token_value
from tablecloud.sql.waiting import check_awaitable


def plan_invoke(statement: Invoke, scope: Scope) -> Invocation:
    """Return the call that EXEC makes.

    Raises:
        CatalogError: no such resource or method.
        MissingParameter, UnknownColumn, InvalidValue: an argument or the body does not fit the method.
    """
    resource, methods = scope.catalog.method(full_path(statement.target.parts, scope))
    method = _choose(statement, resource, methods)
    fields = [a for a in statement.arguments if _is_field(method, a.name.value)]
    arguments = dict(_argument(a, resource, method, scope) for a in statement.arguments if a not in fields)
    awaits = "AWAIT" in statement.hints
    if awaits:
        check_awaitable(resource, method, statement.target.span)
    return Invocation(
        text=statement.text,
        resource=resource,
        method=method,
        arguments=arguments,
        body=_body_of(statement, fields, resource, method, scope),
        await_=awaits,
    )


def _is_field(method: Method, name: str) -> bool:
    """Tell whether an argument is a field of the body: `@data__x`, or a bare name that is no parameter."""
    target = find_target(method, name)
    bare = method.body_rules.bare_names or name.casefold().startswith("data__")
    return target is not None and target.body_path is not None and bare


def _body_of(
    statement: Invoke, fields: Sequence[Argument], resource: Resource, method: Method, scope: Scope
) -> bytes | None:
    """Return the body of the call: `@@json`, or the fields that are given one by one."""
    if statement.payload is not None:
        if fields:
            name = fields[0].name
            raise InvalidValue(f"{name.value} is given beside @@json: put it inside", span=name.span)
        return _body(statement.payload, resource, method, scope)
    body: dict[str, Any] = {}
    for field in fields:
        _put(body, field, method, token_value(field.value, field.minus, scope.parameters))
    return msgspec.json.encode(body) if fields else None


def _put(body: dict[str, Any], field: Argument, method: Method, value: Scalar) -> None:
    """Write one field into the body; JSON objects and arrays go as such, unless the field is text.

    Raises:
        InvalidValue: the place is taken.
    """
    target = find_target(method, field.name.value)
    *above, last = (target and target.body_path) or (field.name.value,)
    place: object = body
    for key in above:
        place = place.setdefault(key, {}) if isinstance(place, dict) else None
    if not isinstance(place, dict) or last in place:
        raise InvalidValue(f"{field.name.value} is given twice", span=field.name.span)
    declared = next((f for f in method.body if f.path == (*above, last)), None)
    place[last] = value if declared is not None and declared.json_type == "string" else _embedded(value)


def _embedded(value: Scalar) -> object:
    """Return text that is a JSON object or array as such; every other value as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        msgspec.json.decode(value)
    except msgspec.DecodeError:
        return value
    return msgspec.Raw(value.encode())


def _choose(statement: Invoke, resource: Resource, methods: Sequence[Method]) -> Method:
    given = {argument.name.value.casefold() for argument in statement.arguments}
    if statement.payload is not None:
        # What goes into the body is inside `@@json`, whose fields are checked by themselves.
        given |= {p.name.casefold() for m in methods for p in m.parameters if p.location is Location.BODY}
    method = choose_among(methods, given)
    if method is not None:
        return method
    name = f"{resource.id}.{methods[0].name}"
    example = Example(template=f"EXEC {name} {{}}", condition="@{} = '…'", separator=", ")
    error: MissingParameter = missing_parameter(name, methods, given, example)
    error.span = statement.target.span
    raise error


def _argument(argument: Argument, resource: Resource, method: Method, scope: Scope) -> tuple[str, Scalar]:
    parameter = find_parameter(method, argument.name.value)
    if parameter is None:
        raise _unknown_argument(argument.name, resource, method)
    try:
        value = fit(token_value(argument.value, argument.minus, scope.parameters), parameter)
    except SqlError as error:
        error.span = argument.value.span
        raise
    if value is None and parameter.required:
        raise InvalidValue(f"{parameter.name} is required and cannot be NULL", span=argument.value.span)
    return parameter.name, value


def _unknown_argument(name: Token, resource: Resource, method: Method) -> UnknownColumn:
    if find_field(method, name.value):
        hint = f"{name.value} belongs to the body: @@json = '{{\"{name.value}\": …}}'"
    else:
        near = nearest(name.value, [parameter.name for parameter in method.parameters])
        hint = (
            f"did you mean {', '.join(near)}?" if near else f"it takes {', '.join(method.required) or 'none'}"
        )
    return UnknownColumn(
        f"{resource.id}.{method.name} has no parameter {name.value}", hint=hint, span=name.span
    )


def _body(payload: Token, resource: Resource, method: Method, scope: Scope) -> bytes:
    text = token_value(payload, False, scope.parameters)
    try:
        body = msgspec.json.decode(str(text))
    except msgspec.DecodeError as error:
        raise InvalidValue(f"the body is not JSON: {error}", span=payload.span) from None
    if not isinstance(body, dict):
        raise InvalidValue(
            "the body must be a JSON object", hint="@@json = '{\"field\": …}'", span=payload.span
        )
    _check_fields(body, payload, resource, method)
    return str(text).encode()


def _check_fields(body: dict[str, Any], payload: Token, resource: Resource, method: Method) -> None:
    called = f"{resource.id}.{method.name}"
    known = {field.path[0]: field for field in method.body}
    if method.free_body:
        return
    if not known and body:
        raise InvalidValue(f"{called} takes no body", span=payload.span)
    for key in body:
        if key not in known:
            near = nearest(key, known)
            hint = (
                f"did you mean {', '.join(near)}?" if near else f"its fields are {', '.join(sorted(known))}"
            )
            raise InvalidValue(f"the body of {called} has no field {key}", hint=hint, span=payload.span)
    absent = [name for name, field in known.items() if field.required and name not in body]
    if absent:
        raise MissingParameter(f"the body of {called} lacks {', '.join(absent)}", span=payload.span)
