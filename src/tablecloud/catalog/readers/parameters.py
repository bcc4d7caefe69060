"""Parameters, path templates and servers of an operation of a registry document."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from tablecloud.catalog.model import Column, Location, Parameter
from tablecloud.catalog.readers.composition import Rename, kind_of
from tablecloud.catalog.readers.refs import Node, Pointers, as_list, as_node, as_text
from tablecloud.sqltypes import SqlType, sql_type

_VARIABLE = re.compile(r"\{([^{}]+)\}")
_LOCATIONS = {"path": Location.PATH, "query": Location.QUERY, "header": Location.HEADER}
_SEPARATORS = {"form": ",", "simple": ",", "spaceDelimited": " ", "pipeDelimited": "|"}
_SCALARS = ("integer", "number", "boolean", "string")


def parameters_of(
    pointers: Pointers, item: Node, operation: Node, path: str, rename: Rename, *, spread: bool = False
) -> Iterator[Parameter]:
    """Yield the parameters of an operation and of its path item; the operation's own come first and hold.

    Parameters:
        path: the path's template; a variable of it that nobody declares is a required parameter.
        rename: name on the wire -> what SQL calls it.
        spread: lists and objects of the query become several parameters.
    """
    seen: set[tuple[str, str]] = set()
    for reference in (*as_list(operation.get("parameters")), *as_list(item.get("parameters"))):
        declared = pointers.follow(reference)
        name, place = as_text(declared.get("name")), as_text(declared.get("in"))
        if name and place in _LOCATIONS and (name, place) not in seen:
            seen.add((name, place))
            parameter = _parameter(pointers, declared, name, _LOCATIONS[place], rename)
            structured = kind_of(pointers, declared.get("schema")) in ("array", "object")
            spreads = spread and structured and place == "query"
            yield msgspec.structs.replace(parameter, spread=True) if spreads else parameter
    for name in dict.fromkeys(_VARIABLE.findall(path)):
        if (name, "path") not in seen:
            yield Parameter(name=rename(name), wire=name, location=Location.PATH, required=True)


def _parameter(
    pointers: Pointers, declared: Node, name: str, location: Location, rename: Rename
) -> Parameter:
    schema = pointers.follow(declared.get("schema"))
    kind = kind_of(pointers, schema)
    default = _text(schema.get("default"))
    needed = declared.get("required") is True and declared.get("allowEmptyValue") is not True
    # A header's default is sent, so nobody need give it; a query's is the service's own affair.
    sent_anyway = location is Location.HEADER and default is not None
    return Parameter(
        # Names of headers are not names of anything that SQL sees elsewhere.
        name=name if location is Location.HEADER else rename(name),
        wire=name,
        location=location,
        type=sql_type(kind) if kind in _SCALARS else SqlType.VARCHAR,
        required=needed and not sent_anyway,
        repeated=kind == "array",
        format=as_text(schema.get("format")),
        enum=tuple(value for value in as_list(schema.get("enum")) if isinstance(value, str)),
        default=default,
        description=as_text(declared.get("description")),
        joined=_joined(declared) if kind == "array" else "",
    )


def body_parameters(fields: tuple[Column, ...]) -> Iterator[Parameter]:
    """Yield the fields of a body as parameters: a SELECT by POST says in its body what it asks for."""
    for field in fields:
        if len(field.path) == 1:
            yield Parameter(
                name=field.name,
                wire=field.path[0],
                location=Location.BODY,
                # SQL gives objects and arrays as text, and the text is what the column then holds.
                type=SqlType.VARCHAR if field.type is SqlType.JSON else field.type,
                required=field.required,
                repeated=field.json_type == "array",
                format=field.format,
                enum=field.enum,
                description=field.description,
            )


def _joined(declared: Node) -> str:
    style = as_text(declared.get("style")) or "form"
    if declared.get("explode", style == "form") is not False:
        return ""
    return _SEPARATORS.get(style, ",")


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def literal_path(path: str, *, drop: bool) -> str:
    """Return a path as `rest.template` reads it: values keep their slashes, as the registry's users rely on.

    Parameters:
        drop: leave out query entries whose names begin with `__`: they only keep the document's keys apart.
    """
    route, mark, query = path.partition("?")
    if mark and drop:
        query = "&".join(entry for entry in query.split("&") if not entry.startswith("__"))
    expanded = _VARIABLE.sub(r"{+\1}", route)
    return f"{expanded}?{query}" if query else expanded


def root_of(servers: list[object]) -> str:
    """Return the address of the first server, its variables in braces; empty where there is none."""
    return _plain_template(as_text(as_node(servers[0] if servers else None).get("url")))


def server_parameters(servers: list[object]) -> Iterator[Parameter]:
    """Yield the variables of the first server as parameters; one with a default need not be given."""
    server = as_node(servers[0] if servers else None)
    declared = as_node(server.get("variables"))
    for name in dict.fromkeys(_VARIABLE.findall(root_of(servers))):
        facts = as_node(declared.get(name))
        default, variable = _text(facts.get("default")) or None, as_text(facts.get("x-stackQL-envVar"))
        yield Parameter(
            name=name,
            wire=name,
            location=Location.SERVER,
            required=default is None and not variable,
            enum=tuple(value for value in as_list(facts.get("enum")) if isinstance(value, str)),
            default=default,
            description=as_text(facts.get("description")),
            variable=variable,
        )


def _plain_template(url: str) -> str:
    """Return a server's address without the patterns in it: `{host:^(?:a{1,2})$}` is `{host}`."""
    plain, depth, skipping = [], 0, False
    for character in url:
        depth += (character == "{") - (character == "}")
        if depth == 1 and character == ":":
            skipping = True
        if depth == 0:
            skipping = False
        if not skipping:
            plain.append(character)
    return "".join(plain)
