"""A Google Discovery document as bytes decode into it: only the members that the catalog reads.

Schemas stay undecoded until somebody asks for one, because a document holds hundreds and a table needs a few.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Raw, Struct, field

from tablecloud.errors import DocumentError


class Annotations(Struct):
    """Which methods insist on a property."""

    required: list[str] = []


class Schema(Struct, rename="camel"):
    """A JSON schema of the document, or one property of it."""

    id: str = ""
    type: str = ""
    ref: str = field(name="$ref", default="")
    format: str = ""
    description: str = ""
    properties: dict[str, Schema] = {}
    items: Schema | None = None
    additional_properties: Schema | None = None
    enum: list[str] = []
    read_only: bool = False
    required: bool = False
    annotations: Annotations | None = None


class DocumentParameter(Struct):
    """One entry of a method's `parameters`."""

    type: str = "string"
    location: str = "query"
    format: str = ""
    description: str = ""
    required: bool = False
    repeated: bool = False
    pattern: str = ""
    enum: list[str] = []
    default: str | None = None


class SchemaName(Struct):
    """What `request` and `response` hold."""

    ref: str = field(name="$ref", default="")


class DocumentMethod(Struct, rename="camel"):
    """One method, as the document has it."""

    id: str
    http_method: str
    path: str
    flat_path: str = ""
    description: str = ""
    parameters: Raw = Raw(b"{}")
    request: SchemaName | None = None
    response: SchemaName | None = None
    queried: bool = field(name="x-queried", default=False)
    """Whether it only reads although it is a POST: an overlay says so, its parameters are in its body."""

    @property
    def response_schema(self) -> str:
        """Name of the response's schema; empty where there is none."""
        return self.response.ref if self.response else ""


class DocumentResource(Struct):
    """A node of the resource tree."""

    methods: dict[str, DocumentMethod] = {}
    resources: dict[str, DocumentResource] = {}


class OAuth2(Struct):
    """The scopes of the service."""

    scopes: dict[str, Raw] = {}


class Auth(Struct):
    """The `auth` member."""

    oauth2: OAuth2 | None = None


class Document(Struct, rename="camel"):
    """A Discovery document."""

    name: str
    version: str
    root_url: str = ""
    service_path: str = ""
    title: str = ""
    description: str = ""
    auth: Auth | None = None
    parameters: dict[str, Raw] = {}
    """What every method of the service takes, such as `alt` and `key`: none of a table's business."""
    methods: dict[str, DocumentMethod] = {}
    resources: dict[str, DocumentResource] = {}
    schemas: dict[str, Raw] = {}

    @property
    def scopes(self) -> tuple[str, ...]:
        """OAuth scopes, in document order."""
        return tuple(self.auth.oauth2.scopes) if self.auth and self.auth.oauth2 else ()


_DOCUMENT = msgspec.json.Decoder(Document)
_SCHEMA = msgspec.json.Decoder(Schema)
_PARAMETERS = msgspec.json.Decoder(dict[str, DocumentParameter])

Methods = dict[str, DocumentMethod]


def decode_document(data: bytes, label: str) -> Document:
    """Decode a document.

    Parameters:
        data: the JSON text.
        label: the document's file name, for the error.

    Raises:
        DocumentError: the text is not a Discovery document.
    """
    try:
        return _DOCUMENT.decode(data)
    except msgspec.DecodeError as error:
        raise DocumentError(
            f"{label} is not a Discovery document: {error}", hint="reinstall google-api-python-client"
        ) from error


def decode_parameters(method: DocumentMethod) -> dict[str, DocumentParameter]:
    """Decode a method's parameters, by wire name.

    Raises:
        DocumentError: they have another shape.
    """
    try:
        return _PARAMETERS.decode(method.parameters)
    except msgspec.DecodeError as error:
        raise DocumentError(f"the parameters of {method.id} cannot be read: {error}") from error


def walk_resources(document: Document) -> Iterator[tuple[tuple[str, ...], Methods]]:
    """Yield path and methods of each resource that has methods, in document order.

    Methods at the document's root belong to a resource called as the service.
    """
    if document.methods:
        yield (document.name,), document.methods
    yield from _walk(document.resources, ())


def _walk(
    nodes: dict[str, DocumentResource], above: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Methods]]:
    for name, node in nodes.items():
        path = (*above, name)
        if node.methods:
            yield path, node.methods
        yield from _walk(node.resources, path)


class Schemas:
    """The schemas of one document, each decoded when it is first asked for."""

    def __init__(self, raw: dict[str, Raw]) -> None:
        self._raw = raw
        self._decoded: dict[str, Schema] = {}

    def named(self, name: str) -> Schema:
        """Return a schema by name; one without members where the document has none of that name.

        Raises:
            DocumentError: the schema has another shape.
        """
        schema = self._decoded.get(name)
        if schema is None:
            schema = self._decoded[name] = self._decode(name)
        return schema

    def resolve(self, schema: Schema | None) -> Schema:
        """Follow `$ref` until a schema with a body."""
        seen = 0
        # A chain of references longer than this is a circle.
        while schema is not None and schema.ref and seen < 20:
            schema = self.named(schema.ref)
            seen += 1
        return schema or Schema()

    def _decode(self, name: str) -> Schema:
        raw = self._raw.get(name)
        if raw is None:
            return Schema()
        try:
            return _SCHEMA.decode(raw)
        except msgspec.DecodeError as error:
            raise DocumentError(f"the schema {name} cannot be read: {error}") from error
