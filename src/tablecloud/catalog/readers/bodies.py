"""What a registry document says about a method's request body: its fields, their names, its constants."""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from tablecloud.catalog.model import BodyRules, Column, Transform
from tablecloud.catalog.readers.composition import Rename, column_of, properties_of, required_of
from tablecloud.catalog.readers.refs import Node, Pointers, as_list, as_node, as_text
from tablecloud.catalog.readers.templates import is_known
from tablecloud.catalog.readers.xml_bodies import xml_body_of
from tablecloud.catalog.xml_shapes import XmlBody

_PLAIN = BodyRules()
_PREFERRED = ("application/json", "application/xml", "application/octet-stream")
_XML = re.compile(r"(application|text)/xml")
_JSON = re.compile(r"application/\S*json\S*|\*/\*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A request body as the document describes it."""

    fields: tuple[Column, ...] = ()
    rules: BodyRules = _PLAIN
    unsupported: str = ""
    """Why it cannot be made; empty where it can."""


def body_of(pointers: Pointers, operation: Node, method: Node, rename: Rename) -> Body:
    """Return the body of a method; an empty one where it has none.

    Parameters:
        operation: the OpenAPI operation.
        method: the method of the resource.
        rename: property name -> what SQL calls it.
    """
    request = as_node(method.get("request"))
    content = as_node(pointers.follow(operation.get("requestBody")).get("content"))
    if not content and not request.get("base"):
        return Body()
    media_type = as_text(request.get("mediaType")) or next(
        (
            each
            for each in (*_PREFERRED[:1], *filter(_JSON.fullmatch, content), *_PREFERRED)
            if each in content
        ),
        next(iter(content), _PREFERRED[0]),
    )
    schema = as_node(request.get("schema_override")) or as_node(
        as_node(content.get(media_type)).get("schema")
    )
    is_xml = _XML.fullmatch(str(media_type)) is not None
    xml = xml_body_of(pointers, schema, request) if is_xml else None
    naming = as_text(as_node(as_node(method.get("config")).get("requestBodyTranslate")).get("algorithm"))
    within = naming.partition("naive_")[2]
    required = required_of(pointers, schema) | {str(name) for name in as_list(request.get("required"))}
    base = _json_object(as_text(request.get("base")))
    # What the constants hold, nobody need give.
    required -= set(msgspec.json.decode(base)) if base else set()
    return Body(
        fields=_fields(pointers, schema, within, required, rename),
        rules=BodyRules(
            media_type=str(media_type),
            base=base,
            bare_names=naming.startswith("naive"),
            transform=_transform(request),
            xml=xml,
        ),
        unsupported=_unsupported(request, str(media_type), within, xml),
    )


def _fields(
    pointers: Pointers, schema: Node, within: str, required: set[str], rename: Rename
) -> tuple[Column, ...]:
    """Return the fields; `within` names the property whose members they are."""
    above = (within,) if within else ()
    if within:
        schema = as_node(properties_of(pointers, schema).get(within))
        required = required_of(pointers, schema)
    return tuple(
        column_of(pointers, rename(name), (*above, name), declared, required=name in required)
        for name, declared in properties_of(pointers, schema).items()
    )


def _json_object(text: str) -> str:
    """Return the text where it is a JSON object, else nothing: broken constants are in use, and mean none."""
    try:
        return text if isinstance(msgspec.json.decode(text), dict) else ""
    except msgspec.DecodeError:
        return ""


def _transform(request: Node) -> Transform | None:
    declared = as_node(request.get("transform"))
    kind = as_text(declared.get("type"))
    return Transform(kind, as_text(declared.get("body"))) if kind else None


def _unsupported(request: Node, media_type: str, within: str, xml: XmlBody | None) -> str:
    if within:
        return f"its body wraps {within} as text"
    kind = as_text(as_node(request.get("transform")).get("type"))
    if kind:
        return "" if is_known(kind) else f"its body needs the template language {kind}"
    if _XML.fullmatch(media_type):
        return "" if xml else f"it takes a body of {media_type}, whose root the document does not name"
    return "" if _JSON.fullmatch(media_type.partition(";")[0].strip()) else f"it takes a body of {media_type}"
