"""Reader of registry service documents: an OpenAPI document with `x-stackQL-resources`, to `Resource`s. Pure.

Contract: the document format of the public provider registry; docs/design/registry.md says what is taken
from it. The document decides everything: names, verbs, and the order in which methods are tried.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tablecloud.catalog.model import Column, Form, Location, Method, Parameter, Resource, Verb
from tablecloud.catalog.readers.bodies import Body, body_of
from tablecloud.catalog.readers.casing import to_snake
from tablecloud.catalog.readers.composition import Rename, columns_of, find_rows
from tablecloud.catalog.readers.paging import paging_of
from tablecloud.catalog.readers.parameters import (
    body_parameters,
    literal_path,
    parameters_of,
    root_of,
    server_parameters,
)
from tablecloud.catalog.readers.refs import Node, Pointers, as_list, as_node, as_text, ref_name
from tablecloud.catalog.readers.templates import template_of
from tablecloud.catalog.readers.waiting import Waiting
from tablecloud.catalog.readers.xml_bodies import element_names

_VERBS = {
    "select": Verb.SELECT,
    "insert": Verb.INSERT,
    "update": Verb.UPDATE,
    "delete": Verb.DELETE,
    "replace": Verb.REPLACE,
    "exec": Verb.EXEC,
}
_USUAL_NAMES = {
    "select": ("select", "list", "aggregatedList", "get"),
    "insert": ("insert", "create"),
    "delete": ("delete",),
}
"""Method names that serve a verb of which the document does not speak."""
_MEDIA_TYPES = ("application/json", "application/xml", "application/octet-stream")
_JSON = re.compile(r"application/\S*json\S*|\*/\*|string|")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePlace:
    """Which service a document is of, and what its provider says for all of its services."""

    provider: str
    service: str
    version: str = ""
    configs: tuple[Node, ...] = ()
    """Config blocks above the document: of the service in provider.yaml, then of the provider."""
    snake_case: bool = False
    """Whether columns and parameters are called by their snake-case names."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """A document in work."""

    place: ServicePlace
    document: Node
    pointers: Pointers
    rename: Rename
    waiting: Waiting


def read_service(document: Node, place: ServicePlace) -> list[Resource]:
    """Read every resource of a service document.

    Parameters:
        document: the document, decoded.
        place: the service it is of.
    """
    rename = to_snake if place.snake_case else str
    pointers = Pointers(document)
    reading = _Reading(place, document, pointers, rename, Waiting(document, pointers))
    found = as_node(as_node(document.get("components")).get("x-stackQL-resources"))
    return [_resource(reading, str(name), as_node(declared)) for name, declared in found.items()]


def _resource(reading: _Reading, name: str, declared: Node) -> Resource:
    return Resource(
        provider=reading.place.provider,
        service=reading.place.service,
        name=name,
        form=Form.TABLE,
        methods=tuple(_methods(reading, name, declared)),
        root_url=root_of(as_list(reading.document.get("servers"))),
        version=reading.place.version,
        description=as_text(declared.get("description")) or as_text(declared.get("title")),
        signing_service=_signing_service(reading),
        ordered=True,
    )


def _signing_service(reading: _Reading) -> str:
    """Return what signatures call the service, where the provider's calls are signed as AWS wants it."""
    kinds = [as_text(as_node(config.get("auth")).get("type")) for config in reading.place.configs]
    if not any(kind.startswith("aws_") for kind in kinds):
        return ""
    info = as_node(reading.document.get("info"))
    return as_text(info.get("x-serviceName")) or as_text(info.get("title"))


def _methods(reading: _Reading, resource: str, declared: Node) -> Iterator[Method]:
    """Yield the methods: those of each verb in the document's order, then the ones that only EXEC reaches."""
    methods = {str(name): as_node(each) for name, each in as_node(declared.get("methods")).items()}
    verbs = _verbs(as_node(declared.get("sqlVerbs")), methods)
    rest = sorted(methods.keys() - verbs.keys())
    for name, serves in [*verbs.items(), *((name, [Verb.EXEC]) for name in rest)]:
        yield _method(reading, resource, declared, name, methods[name], serves)


def _verbs(declared: Node, methods: Mapping[str, Node]) -> dict[str, list[Verb]]:
    """Return the verbs of each method that has one; a reference is told by its last segment alone."""
    serves: dict[str, list[Verb]] = {}
    for word, verb in _VERBS.items():
        if word in declared:
            names = [ref_name(as_node(each)) for each in as_list(declared[word])]
        else:
            names = list(_USUAL_NAMES.get(word, ()))
        for name in names:
            if name in methods:
                serves.setdefault(name, []).append(verb)
    return serves


def _method(
    reading: _Reading, resource: str, of_resource: Node, name: str, declared: Node, serves: list[Verb]
) -> Method:
    path, http, operation, item = reading.pointers.operation(
        as_text(as_node(declared.get("operation")).get("$ref"))
    )
    response = as_node(declared.get("response"))
    servers = as_list(operation.get("servers")) or as_list(item.get("servers"))
    own = as_node(declared.get("config"))
    configs = (own, as_node(of_resource.get("config")), _service_config(reading), *reading.place.configs)
    parameters = [
        *parameters_of(reading.pointers, item, operation, path, reading.rename, spread=_spreads(configs)),
        *server_parameters(servers or as_list(reading.document.get("servers"))),
    ]
    body = body_of(reading.pointers, operation, declared, reading.rename)
    parameters += body_parameters(_asked_in_body(body, serves))
    schema, media_type = _answer(reading.pointers, operation, response)
    rows = find_rows(reading.pointers, schema, as_text(response.get("objectKey")))
    protocol = as_text(as_node(reading.document.get("info")).get("x-protocol"))
    template = template_of(response, protocol, element_names(reading.pointers, rows.schema))
    columns = columns_of(reading.pointers, rows.schema, reading.rename) if schema else ()
    items, columns = template.place(rows.items, columns)
    return Method(
        name=name,
        id=f"{reading.place.service}.{resource}.{name}",
        verb=serves[0],
        http=http,
        path=literal_path(path, drop=_translation(configs) == "drop_double_underscore_params"),
        parameters=_distinct(parameters),
        body=body.fields,
        columns=columns,
        items=items,
        pagination=paging_of(configs, http),
        long_running=reading.waiting.rule(schema, http, path, serves[0]),
        also=tuple(serves[1:]),
        description=as_text(operation.get("description")) or as_text(operation.get("summary")),
        response=ref_name(schema),
        body_rules=body.rules,
        accept=as_text(response.get("mediaType")) if response.get("mediaType") != "string" else "",
        root_url=root_of(servers) if servers else "",
        reshape=template.reshape,
        transform=template.transform,
        form=_translation(configs) == "get_query_to_post_form_utf_8",
        unsupported=_unsupported(operation, response, body, media_type) or template.unsupported,
    )


def _asked_in_body(body: Body, serves: list[Verb]) -> tuple[Column, ...]:
    """Return the fields of a body that a WHERE gives: all where nothing is set, else the required ones."""
    if Verb.SELECT in serves or Verb.DELETE in serves:
        return body.fields
    if Verb.UPDATE in serves or Verb.REPLACE in serves:
        return tuple(field for field in body.fields if field.required)
    return ()


def _service_config(reading: _Reading) -> Node:
    return as_node(reading.document.get("x-stackQL-config"))


def _translation(configs: tuple[Node, ...]) -> str:
    return _algorithm(configs, "requestTranslate")


def _spreads(configs: tuple[Node, ...]) -> bool:
    return _algorithm(configs, "queryParamTranspose") == "AWSCanonical"


def _algorithm(configs: tuple[Node, ...], key: str) -> str:
    """Return what the nearest level that speaks of it says."""
    return next((as_text(as_node(c[key]).get("algorithm")) for c in configs if key in c), "")


def _distinct(parameters: list[Parameter]) -> tuple[Parameter, ...]:
    """Keep the first of parameters of one name: path, query, header, server, body."""
    order = (Location.PATH, Location.QUERY, Location.HEADER, Location.SERVER, Location.BODY)
    found: dict[str, Parameter] = {}
    for parameter in sorted(parameters, key=lambda p: order.index(p.location)):
        found.setdefault(parameter.name.lower(), parameter)
    return tuple(found.values())


def _answer(pointers: Pointers, operation: Node, response: Node) -> tuple[Node, str]:
    """Return the schema of a method's answers, not resolved, empty without one, and its media type."""
    override = as_node(response.get("schema_override"))
    media_type = as_text(response.get("mediaType"))
    if override:
        return override, as_text(response.get("overrideMediaType")) or media_type
    responses = {str(key): value for key, value in as_node(operation.get("responses")).items()}
    wanted = as_text(response.get("openAPIDocKey")) or str(response.get("openAPIDocKey", ""))
    if media_type and wanted:
        content = as_node(pointers.follow(responses.get(wanted)).get("content"))
        return as_node(as_node(content.get(media_type)).get("schema")), media_type
    good = sorted(key for key in responses if key.isdecimal() and int(key) < 300)
    best = next(iter(good), "default")
    return _best_content(as_node(pointers.follow(responses.get(best)).get("content")))


def _best_content(content: Node) -> tuple[Node, str]:
    media_type = next((each for each in _MEDIA_TYPES if each in content), next(iter(content), ""))
    return as_node(as_node(content.get(media_type)).get("schema")), str(media_type)


def _unsupported(operation: Node, response: Node, body: Body, media_type: str) -> str:
    """Say why a method cannot be called; empty where it can."""
    if not operation:
        return "the document does not have its operation"
    if "x-stackQL-graphQL" in operation:
        return "it is a GraphQL query"
    if as_text(response.get("objectKey")).startswith("/"):
        return "its rows are found by XPath"
    if body.unsupported:
        return body.unsupported
    if not response.get("transform") and not _JSON.fullmatch(media_type.partition(";")[0].strip()):
        return f"it answers with {media_type}"
    return ""
