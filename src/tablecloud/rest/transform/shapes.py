"""What rows from XML must know of a row's schema, as plain data."""

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
