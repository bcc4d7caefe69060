"""Writes request bodies as XML: nested objects, lists, attributes and namespaces, everything escaped.

Contract: the `xml` object of OpenAPI (name, namespace, prefix, attribute, wrapped), and the registry's root
rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from tablecloud.errors import TransformError
from tablecloud.rest.transform.shapes import FieldType, XmlBody, XmlShape

_DEEPEST = 60
_NAME = re.compile(r"[^\W\d][\w.-]*")
# What XML 1.0 cannot hold, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_ATTRIBUTE = _TEXT | str.maketrans({'"': "&quot;", "\n": "&#10;", "\t": "&#9;"})
_UNKNOWN = XmlShape(type=FieldType.OBJECT)


def xml_body(body: Mapping[str, object], rule: XmlBody) -> bytes:
    """Return a request body as XML.

    Parameters:
        body: the merged body: JSON values by property key; what is None is left out.
        rule: the schema as shapes.

    Raises:
        TransformError: the body has no single root, a name or a text that XML cannot hold, or nests too
            deeply.
    """
    writer = _Writer(rule.shapes)
    if rule.root:
        text = writer.element(rule.root, body, rule.shape, rule.annotation)
    else:
        given = {key: value for key, value in body.items() if value is not None}
        if len(given) != 1:
            raise TransformError(f"an XML body has one root element, and {len(given)} are given")
        key, value = next(iter(given.items()))
        shape = writer.resolved(writer.resolved(rule.shape).properties.get(key, _UNKNOWN))
        text = writer.element(shape.name or key, value, shape, rule.annotation)
    return f"{rule.declaration}{text}".encode()


@dataclass(frozen=True, slots=True)
class _Writer:
    """The shapes that `ref` names."""

    shapes: Mapping[str, XmlShape]

    def resolved(self, shape: XmlShape) -> XmlShape:
        """Return what a shape refers to, with what the reference itself says laid upon it."""
        for _ in range(_DEEPEST):
            target = self.shapes.get(shape.ref) if shape.ref else None
            if target is None:
                return shape
            shape = msgspec.structs.replace(
                target,
                name=shape.name or target.name,
                namespace=shape.namespace or target.namespace,
                prefix=shape.prefix or target.prefix,
                attribute=shape.attribute or target.attribute,
                wrapped=shape.wrapped or target.wrapped,
            )
        raise TransformError("the shapes of an XML body refer to each other in a circle")

    def element(self, name: str, value: object, shape: XmlShape, annotation: str = "", depth: int = 0) -> str:
        """Return one element with all that is in it."""
        if depth > _DEEPEST:
            raise TransformError("an XML body nests too deeply")
        shape = self.resolved(shape)
        tag = _tag(name, shape)
        start = [tag]
        if shape.namespace:
            declared = f"xmlns:{_checked(shape.prefix)}" if shape.prefix else "xmlns"
            start.append(f'{declared}="{_escaped(shape.namespace, _ATTRIBUTE)}"')
        inner = ""
        if isinstance(value, Mapping):
            start.extend(self._attributes(value, shape))
            inner = "".join(self._children(value, shape, depth))
        elif isinstance(value, list):
            inner = "".join(self._listed(name, value, shape, depth))
        elif value is not None:
            inner = _escaped(_text(value), _TEXT)
        start.extend([annotation] if annotation else [])
        return f"<{' '.join(start)}>{inner}</{tag}>"

    def _attributes(self, value: Mapping[str, object], shape: XmlShape) -> Iterator[str]:
        for key, member in value.items():
            below = self.resolved(shape.properties.get(key, _UNKNOWN))
            if below.attribute and member is not None:
                yield f'{_tag(below.name or key, below)}="{_escaped(_text(member), _ATTRIBUTE)}"'

    def _children(self, value: Mapping[str, object], shape: XmlShape, depth: int) -> Iterator[str]:
        """Yield the members as elements: in the schema's order, then those that it does not know."""
        keys = [key for key in shape.properties if key in value]
        keys += [key for key in value if key not in shape.properties]
        for key in keys:
            member, below = value[key], self.resolved(shape.properties.get(key, _UNKNOWN))
            if member is None or below.attribute:
                continue
            name = below.name or key
            if isinstance(member, list) and not below.wrapped:
                yield from self._listed(name, member, below, depth)
            else:
                yield self.element(name, member, below, depth=depth + 1)

    def _listed(self, name: str, items: list[object], shape: XmlShape, depth: int) -> Iterator[str]:
        below = self.resolved(shape.items or _UNKNOWN)
        for item in items:
            yield self.element(below.name or name, item, below, depth=depth + 1)


def _tag(name: str, shape: XmlShape) -> str:
    return f"{_checked(shape.prefix)}:{_checked(name)}" if shape.prefix else _checked(name)


def _checked(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise TransformError(f"{name[:60]!r} cannot be the name of an XML element")
    return name


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _escaped(text: str, table: dict[int, str]) -> str:
    if _FORBIDDEN.search(text):
        raise TransformError("a text holds a character that XML cannot hold")
    return text.translate(table)
