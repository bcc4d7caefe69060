"""SHOW and DESCRIBE: what the catalog knows, as tables. The parser calls these with simple values.

Column names are those that users of this kind of tool know; EXTENDED adds columns at the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from tablecloud.catalog.catalog import Catalog
from tablecloud.catalog.model import Column, Location, Method, Parameter, Resource, Verb
from tablecloud.errors import NotSupported, UnknownService
from tablecloud.sql.plan import Scalar, Table
from tablecloud.sqltypes import SqlType

Row = tuple[Scalar, ...]

BODY_PREFIX = "data__"
"""Before the name of a request body's field where SQL names it."""

_JSON_TYPES = {SqlType.BIGINT: "integer", SqlType.DOUBLE: "number", SqlType.BOOLEAN: "boolean"}


def show_providers(catalog: Catalog, like: str | None = None, extended: bool = False) -> Table:
    """SHOW PROVIDERS: `name`, `version`; EXTENDED adds `services`, how many there are.

    Parameters:
        like: pattern of the name with `%` and `_`, in any case; None for all.
    """
    matches = _pattern(like)
    rows = [
        (name, catalog.provider_version(name), *((len(catalog.services(name)),) if extended else ()))
        for name in catalog.providers()
        if matches(name)
    ]
    return _table(("name", "version"), ("services",), rows, extended)


def show_services(catalog: Catalog, provider: str, like: str | None = None, extended: bool = False) -> Table:
    """SHOW SERVICES IN provider: `id`, `name`, `title`; EXTENDED adds `description`, `version`, `preferred`.

    Parameters:
        like: pattern of the name or the id (`compute:v1`).

    Raises:
        UnknownProvider: there is no such provider.
    """
    matches = _pattern(like)
    rows: list[Row] = []
    for entry in catalog.services(provider):
        id_ = f"{entry.name}:{entry.version}"
        if matches(entry.name, id_):
            rows.append(
                (id_, entry.name, entry.title, fold(entry.description), entry.version, entry.preferred)
            )
    return _table(("id", "name", "title"), ("description", "version", "preferred"), rows, extended)


def show_resources(
    catalog: Catalog, path: Sequence[str], like: str | None = None, extended: bool = False
) -> Table:
    """SHOW RESOURCES IN provider.service: `name`, `id`, in both forms; EXTENDED adds `description`, `form`.

    Parameters:
        path: provider and service.

    Raises:
        UnknownProvider, UnknownService: there is no such name, or the path does not have two parts.
    """
    if len(path) != 2:
        raise UnknownService(
            f"'{'.'.join(path)}' does not name a service", hint="write SHOW RESOURCES IN provider.service"
        )
    matches = _pattern(like)
    rows: list[Row] = []
    for entry in catalog.resources(path[0], path[1]):
        id_ = f"{entry.provider}.{entry.service}.{entry.name}"
        if matches(entry.name, id_):
            rows.append((entry.name, id_, fold(entry.description), entry.form.value))
    return _table(("name", "id"), ("description", "form"), rows, extended)


def show_methods(
    catalog: Catalog, path: Sequence[str], like: str | None = None, extended: bool = False
) -> Table:
    """SHOW METHODS IN provider.service.resource: `MethodName`, `RequiredParams`, `SQLVerb`.

    EXTENDED adds `description`, `AlsoServes` (further verbs) and `Request` (HTTP method and path).

    Raises:
        UnknownProvider, UnknownService, UnknownResource: there is no such name.
    """
    matches = _pattern(like)
    rows: list[Row] = [
        (
            method.name,
            ", ".join(required_names(method)),
            method.verb.value,
            fold(method.description),
            ", ".join(verb.value for verb in method.also),
            f"{method.http} {method.path}",
        )
        for method in catalog.resource(path).methods
        if matches(method.name)
    ]
    further = ("description", "AlsoServes", "Request")
    return _table(("MethodName", "RequiredParams", "SQLVerb"), further, rows, extended)


def show_version(extended: bool = False) -> Table:
    """SHOW VERSION: `version`; EXTENDED adds `python` and `platform`."""
    from tablecloud import __version__

    if not extended:
        return Table(columns=("version",), rows=((__version__,),))
    import platform

    row = (__version__, platform.python_version(), platform.platform())
    return Table(columns=("version", "python", "platform"), rows=(row,))


def describe(catalog: Catalog, path: Sequence[str], extended: bool = False) -> Table:
    """DESCRIBE provider.service.resource: `name`, `type` of the columns that SELECT gives.

    EXTENDED adds `description`, `sql_type`, `kind` (`column` or `parameter`) and `used_by`, and the
    parameters.

    Raises:
        UnknownProvider, UnknownService, UnknownResource: there is no such name.
        NotSupported: SELECT does not reach the resource.
    """
    resource = catalog.resource(path)
    method = resource.default_select
    if method is None:
        raise NotSupported(
            f"SELECT is not supported for {resource.id}",
            hint=f"SHOW METHODS IN {resource.id} lists what there is; EXEC {resource.id}.<method> calls it",
        )
    rows: list[Row] = [
        (c.name, c.json_type, fold(c.description), c.type.value, "column", "") for c in method.columns
    ]
    if extended:
        rows.extend(_parameter_rows(resource))
    return _table(("name", "type"), ("description", "sql_type", "kind", "used_by"), rows, extended)


def describe_method(catalog: Catalog, path: Sequence[str], extended: bool = False) -> Table:
    """DESCRIBE METHOD provider.service.resource.method: `name`, `type`, `param_type`, `shape`.

    `param_type` is `input_required`, `input_optional` or `output`; `shape` is a JSON object with what the
    document says beyond the type (`enum`, `default`, `pattern`, `format`, `readOnly`), empty where that is
    nothing. EXTENDED adds `description` and `request`, which tells the methods apart that a table brings
    together under one name.

    Raises:
        UnknownProvider, UnknownService, UnknownResource, UnknownMethod: there is no such name.
    """
    _, methods = catalog.method(path)
    rows = [(*row, f"{m.http} {m.path}") for m in methods for row in _method_rows(m)]
    if not extended:
        rows = list(dict.fromkeys(row[:4] for row in rows))
    return _table(("name", "type", "param_type", "shape"), ("description", "request"), rows, extended)


def required_names(method: Method) -> list[str]:
    """Return what a call must be given, as SQL names it: parameters by name, then fields of the body."""
    fields = sorted(field_name(method, field) for field in own_fields(method) if field.required)
    return sorted(method.required) + fields


def own_fields(method: Method) -> list[Column]:
    """Return the fields of a method's body that are not among its parameters."""
    asked = {(p.wire,) for p in method.parameters if p.location is Location.BODY}
    return [field for field in method.body if field.path not in asked]


def field_name(method: Method, field: Column) -> str:
    """Return how SQL names a field of a method's body: with `data__`, unless the document names it bare."""
    return field.name if method.body_rules.bare_names else BODY_PREFIX + field.name


def fold(text: str) -> str:
    """Return a document's prose on one line."""
    return " ".join(text.split())


def _pattern(like: str | None) -> Callable[..., bool]:
    """Return a test whether a text is like the pattern: `%` any text, `_` one character, any case."""
    if like is None:
        return lambda *_: True
    parts = (".*" if c == "%" else "." if c == "_" else re.escape(c) for c in like)
    compiled = re.compile("".join(parts), re.IGNORECASE | re.DOTALL)
    return lambda *texts: any(compiled.fullmatch(text) for text in texts)


def _table(plain: tuple[str, ...], further: tuple[str, ...], rows: Iterable[Row], extended: bool) -> Table:
    """Cut rows that hold every column down to the plain ones, unless extended."""
    columns = plain + further if extended else plain
    return Table(columns=columns, rows=tuple(row[: len(columns)] for row in rows))


def _parameter_rows(resource: Resource) -> Iterator[Row]:
    """Yield a row for each parameter of the methods that a verb other than EXEC reaches, with its users."""
    found: dict[str, Parameter] = {}
    users: dict[str, list[str]] = {}
    for method in resource.methods:
        if method.verb is Verb.EXEC and not method.also:
            continue
        for parameter in method.parameters:
            found.setdefault(parameter.name, parameter)
            need = "required" if parameter.required else "optional"
            users.setdefault(parameter.name, []).append(f"{method.name} ({parameter.location.value}, {need})")
    for name, parameter in found.items():
        used_by = ", ".join(dict.fromkeys(users[name]))
        described = fold(parameter.description)
        yield name, _json_type(parameter), described, parameter.type.value, "parameter", used_by


def _method_rows(method: Method) -> Iterator[Row]:
    for p in sorted(method.parameters, key=lambda p: not p.required):
        yield p.name, _json_type(p), _input(p.required), _parameter_shape(p), fold(p.description)
    writable = (f for f in own_fields(method) if f.required or not f.read_only)
    for field in sorted(writable, key=lambda f: not f.required):
        name = field_name(method, field)
        yield name, field.json_type, _input(field.required), _column_shape(field), fold(field.description)
    for column in method.columns:
        yield column.name, column.json_type, "output", _column_shape(column), fold(column.description)


def _input(required: bool) -> str:
    return "input_required" if required else "input_optional"


def _json_type(parameter: Parameter) -> str:
    if parameter.repeated:
        return "array"
    return _JSON_TYPES.get(parameter.type, "string")


def _parameter_shape(parameter: Parameter) -> str:
    return _shape(
        enum=list(parameter.enum),
        default=parameter.default,
        pattern=parameter.pattern,
        format=parameter.format,
    )


def _column_shape(column: Column) -> str:
    return _shape(enum=list(column.enum), format=column.format, readOnly=column.read_only)


def _shape(**members: object) -> str:
    said = {name: value for name, value in members.items() if value not in (None, "", [], False)}
    return msgspec.json.encode(said).decode() if said else ""
