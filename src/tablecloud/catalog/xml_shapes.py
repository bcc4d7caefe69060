"""What a document says of the XML in which a request body goes out; data, for `rest.transform.xmlbody`."""

from __future__ import annotations

from msgspec import Struct


class XmlShape(Struct, frozen=True, array_like=True, omit_defaults=True):
    """The `xml` object of one schema, and what is below it. What says nothing of XML may be left out."""

    name: str = ""
    """`xml.name`; empty means the property's key."""
    namespace: str = ""
    prefix: str = ""
    attribute: bool = False
    wrapped: bool = False
    properties: dict[str, XmlShape] = {}
    """By property key."""
    items: XmlShape | None = None


class XmlBody(Struct, frozen=True, array_like=True, omit_defaults=True):
    """How a request body is written as XML."""

    shape: XmlShape = XmlShape()
    root: str = ""
    """The schema's `xml.name` or `$ref` name. Empty: the body's only property is the root."""
    declaration: str = ""
    """Text before the root."""
    annotation: str = ""
    """Text inside of the root's start tag."""
