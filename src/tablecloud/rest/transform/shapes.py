"""What the XML transforms must know of a schema, as plain data that a compiled catalog can keep as JSON text.

A shape may hold itself: `XmlShape.ref` names another of the same set, so that recursive schemas stay finite.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class FieldType(StrEnum):
    """The type of a schema, as far as reading and writing text needs it; a schema without one is text."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    OBJECT = "object"
    ARRAY = "array"


class RowField(Struct, frozen=True, array_like=True, omit_defaults=True):
    """One property of a row's schema."""

    name: str
    type: FieldType = FieldType.STRING
    element: str = ""
    """`xml.name`; empty means `name`."""

    @property
    def wire(self) -> str:
        """The name in the answer."""
        return self.element or self.name


class XmlShape(Struct, frozen=True, omit_defaults=True):
    """One schema of an XML request body, with its `xml` object."""

    type: FieldType = FieldType.STRING
    name: str = ""
    """`xml.name`; empty means the property's key."""
    namespace: str = ""
    prefix: str = ""
    attribute: bool = False
    wrapped: bool = False
    properties: dict[str, XmlShape] = {}
    """By property key, in the order in which they are written."""
    items: XmlShape | None = None
    ref: str = ""
    """Name of the shape that stands here; the other fields then only add `name`, `wrapped` and so on."""


class XmlBody(Struct, frozen=True, omit_defaults=True):
    """How a request body is written as XML."""

    shape: XmlShape
    root: str = ""
    """The schema's `xml.name` or `$ref` name. Empty: the body's only property is the root."""
    shapes: dict[str, XmlShape] = {}
    """What `ref` names."""
    declaration: str = ""
    """Text before the root."""
    annotation: str = ""
    """Text inside of the root's start tag."""
