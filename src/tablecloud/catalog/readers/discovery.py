"""Reader of Google Discovery documents: bytes in, names and `Resource`s out. Pure.

The rules of verbs, names and forms are architecture section 3; docs/design/catalog.md has them with examples.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tablecloud.catalog.model import Column, Form, Location, Method, Parameter, Resource, Verb
from tablecloud.catalog.names import ResourcePath, name_tables
from tablecloud.catalog.readers import operations, rows
from tablecloud.catalog.readers.document import (
    Document,
    DocumentMethod,
    DocumentParameter,
    Methods,
    Schema,
    Schemas,
    decode_document,
    decode_parameters,
    walk_resources,
)
from tablecloud.catalog.readers.identity import with_identity
from tablecloud.sqltypes import sql_type

_VARIABLE = re.compile(r"\{(\+?)([^}]+)\}")
_VERB_ORDER = (Verb.SELECT, Verb.INSERT, Verb.DELETE, Verb.EXEC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """One name of a service: which resources of the document it shows, and in which form."""

    name: str
    form: Form
    paths: tuple[ResourcePath, ...]
    """One for a page; for a table all that it brings together."""
    twin: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOutline:
    """What is known of a service from its names alone."""

    name: str
    version: str
    title: str
    description: str
    placements: tuple[Placement, ...]


def read_outline(data: bytes, label: str) -> ServiceOutline:
    """Read the names of a document.

    Parameters:
        data: the document's JSON text.
        label: its file name, for errors.

    Raises:
        DocumentError: not a Discovery document.
    """
    document = decode_document(data, label)
    return ServiceOutline(
        name=document.name,
        version=document.version,
        title=document.title,
        description=document.description,
        placements=tuple(_place(_Reading(document))),
    )


def read_resources(data: bytes, label: str, *, provider: str, service: str) -> list[Resource]:
    """Read every resource of a document, in both forms.

    Parameters:
        data: the document's JSON text.
        label: its file name, for errors.
        provider: name of the provider.
        service: name of the service in SQL, such as `compute_beta`.

    Raises:
        DocumentError: not a Discovery document.
    """
    document = decode_document(data, label)
    reading = _Reading(document)
    return [
        Resource(
            provider=provider,
            service=service,
            name=placement.name,
            form=placement.form,
            methods=tuple(_methods(reading, placement)),
            root_url=document.root_url,
            version=document.version,
            twin=placement.twin,
            description=placement.description,
            scopes=document.scopes,
            standing={"prettyPrint": "false"} if "prettyPrint" in document.parameters else {},
        )
        for placement in _place(reading)
    ]


@dataclass(slots=True)
class _Reading:
    """A document in work: its resources, and what was made of its schemas so far."""

    document: Document
    schemas: Schemas = field(init=False)
    resources: dict[ResourcePath, Methods] = field(init=False)
    polled: frozenset[str] | None = None
    columns: dict[str, tuple[Column, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.schemas = Schemas(self.document.schemas)
        self.resources = dict(walk_resources(self.document))

    def polled_versions(self) -> frozenset[str]:
        """Return the version words under which operations can be polled."""
        if self.polled is None:
            every = (m for methods in self.resources.values() for m in methods.values())
            self.polled = operations.polled_versions(self.schemas, every)
        return self.polled

    def columns_of(self, schema: Schema) -> tuple[Column, ...]:
        """Return the columns of a schema, made once for each named one."""
        if not schema.ref:
            return rows.columns_of(self.schemas, schema)
        if schema.ref not in self.columns:
            self.columns[schema.ref] = rows.columns_of(self.schemas, schema)
        return self.columns[schema.ref]


def _place(reading: _Reading) -> Iterator[Placement]:
    """Yield the page and the table of each resource; one name for both holds the table."""
    words = {path: rows.row_name(reading.schemas, m, path[-1]) for path, m in reading.resources.items()}
    tables = name_tables(words)
    table_of = {path: table.name for table in tables for path in table.paths}
    for path, methods in reading.resources.items():
        if len(path) > 1:
            yield Placement(
                name=".".join(path),
                form=Form.PAGE,
                paths=(path,),
                twin=table_of[path],
                description=_description(methods),
            )
    for table in tables:
        page = ".".join(table.paths[0])
        yield Placement(
            name=table.name,
            form=Form.TABLE,
            paths=table.paths,
            twin="" if page.lower() == table.name.lower() else page,
            description=_description(reading.resources[table.paths[0]]),
        )


def _description(methods: Methods) -> str:
    """Describe a resource, for which documents have no words, by the first sentence about reading it."""
    speaker = next((methods[n] for n in rows.SELECT_NAMES if n in methods), next(iter(methods.values())))
    return re.split(r"(?<=[.!?])\s", speaker.description.strip(), maxsplit=1)[0]


def _methods(reading: _Reading, placement: Placement) -> list[Method]:
    """Return a resource's methods: by verb, then name, then most required parameters first."""
    made: list[Method] = []
    for path in placement.paths:
        found = reading.resources[path]
        members = {name: _method(reading, placement.form, path, name, found[name]) for name in found}
        made += with_identity(members, decode_parameters(found["get"]) if "get" in found else ())
    return sorted(made, key=lambda m: (_VERB_ORDER.index(m.verb), m.name, -len(m.required), m.path))


def _method(reading: _Reading, form: Form, path: ResourcePath, name: str, method: DocumentMethod) -> Method:
    document, schemas = reading.document, reading.schemas
    declared = decode_parameters(method)
    template = method.flat_path or method.path
    verb = verb_of(name, method)
    subject = rows.subject_of(reading.resources[path])
    shape = rows.row_shape(schemas, name, method, form, path[-1], subject)
    return Method(
        name=name,
        id=method.id,
        verb=verb,
        http=method.http_method,
        path=document.service_path + template,
        parameters=tuple(_parameters(method, template, declared, {n.lower() for n in document.parameters})),
        body=rows.body_of(schemas, method.request.ref if method.request else "", method.id),
        columns=reading.columns_of(shape.schema) if method.response_schema else (),
        items=shape.items,
        pagination=operations.pagination_of(schemas, method, declared),
        long_running=operations.long_running_of(
            schemas, method, verb, document.service_path, reading.polled_versions()
        ),
        also=_further_verbs(name, method),
        description=method.description,
        response=method.response_schema,
    )


def verb_of(name: str, method: DocumentMethod) -> Verb:
    """Return the statement that reaches a method, by its name (architecture section 3)."""
    if rows.selects(name, method):
        return Verb.SELECT
    if name in ("create", "insert") and method.http_method != "GET":
        return Verb.INSERT
    return Verb.DELETE if name == "delete" else Verb.EXEC


def _further_verbs(name: str, method: DocumentMethod) -> tuple[Verb, ...]:
    """`patch` and `update` serve UPDATE as well; an `update` by PUT serves REPLACE too."""
    if name == "patch":
        return (Verb.UPDATE,)
    if name == "update":
        return (Verb.UPDATE, Verb.REPLACE) if method.http_method == "PUT" else (Verb.UPDATE,)
    return ()


def _parameters(
    method: DocumentMethod, template: str, declared: dict[str, DocumentParameter], of_service: set[str]
) -> Iterator[Parameter]:
    variables = list(dict.fromkeys(name for _, name in _VARIABLE.findall(template)))
    for name in variables:
        yield _parameter(name, declared[name], True) if name in declared else _part(name, method, declared)
    for name in sorted(declared):
        repeats_service = name.lower() in of_service and not declared[name].required
        if declared[name].location == "query" and name not in variables and not repeats_service:
            yield _parameter(name, declared[name], declared[name].required)


def _parameter(name: str, declared: DocumentParameter, required: bool) -> Parameter:
    return Parameter(
        name=name,
        wire=name,
        location=Location.PATH if declared.location == "path" else Location.QUERY,
        type=sql_type(declared.type, declared.format),
        required=required,
        repeated=declared.repeated,
        format=declared.format,
        pattern=declared.pattern,
        enum=tuple(declared.enum),
        default=declared.default,
        description=declared.description,
    )


def _part(name: str, method: DocumentMethod, declared: dict[str, DocumentParameter]) -> Parameter:
    """Make the parameter of a `flatPath` variable that is declared only as a part of a whole name."""
    whole = [
        n for _, n in _VARIABLE.findall(method.path) if n in declared and f"{{{n}}}" not in method.flat_path
    ]
    described = f"Part of `{whole[0]}`. {declared[whole[0]].description}" if len(whole) == 1 else ""
    return Parameter(name=name, wire=name, location=Location.PATH, required=True, description=described)
