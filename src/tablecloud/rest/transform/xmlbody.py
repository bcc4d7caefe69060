"""Writes request bodies as XML: nested objects, lists, attributes and namespaces, everything escaped.

Contract: the `xml` object of OpenAPI (name, namespace, prefix, attribute, wrapped), and the registry's root
rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

from tablecloud.catalog.xml_shapes import XmlBody, XmlShape
from tablecloud.errors import TransformError

_DEEPEST = 60
_NAME = re.compile(r"[^\W\d][\w.-]*")
# What XML 1.0 cannot hold, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_ATTRIBUTE = _TEXT | str.maketrans({'"': "&quot;", "\n": "&#10;", "\t": "&#9;"})
_UNKNOWN = XmlShape()


def xml_body(body: Mapping[str, object], rule: XmlBody) -> bytes:
    """Return a request body as XML.

    Parameters:
        body: the merged body: JSON values by property key; what is None is left out.
        rule: the schema as shapes.

    Raises:
        TransformError: the body has no single root, a name or a text that XML cannot hold, or nests too
            deeply.
    """
    if rule.root:
        text = _element(rule.root, body, rule.shape, rule.annotation)
    else:
        given = {key: value for key, value in body.items() if value is not None}
        if len(given) != 1:
            raise TransformError(f"an XML body has one root element, and {len(given)} are given")
        key, value = next(iter(given.items()))
        shape = rule.shape.properties.get(key, _UNKNOWN)
        text = _element(shape.name or key, value, shape, rule.annotation)
    return f"{rule.declaration}{text}".encode()


def _element(name: str, value: object, shape: XmlShape, annotation: str = "", depth: int = 0) -> str:
    """Return one element with all that is in it."""
    if depth > _DEEPEST:
        raise TransformError("an XML body nests too deeply")
    tag = _tag(name, shape)
    start = [tag]
    if shape.namespace:
        declared = f"xmlns:{_checked(shape.prefix)}" if shape.prefix else "xmlns"
        start.append(f'{declared}="{_escaped(shape.namespace, _ATTRIBUTE)}"')
    inner = ""
    if isinstance(value, Mapping):
        start.extend(_attributes(value, shape))
        inner = "".join(_children(value, shape, depth))
    elif isinstance(value, list):
        inner = "".join(_listed(name, value, shape, depth))
    elif value is not None:
        inner = _escaped(_text(value), _TEXT)
    start.extend([annotation] if annotation else [])
    return f"<{' '.join(start)}>{inner}</{tag}>"


def _attributes(value: Mapping[str, object], shape: XmlShape) -> Iterator[str]:
    for key, member in value.items():
        below = shape.properties.get(key, _UNKNOWN)
        if below.attribute and member is not None:
            yield f'{_tag(below.name or key, below)}="{_escaped(_text(member), _ATTRIBUTE)}"'


def _children(value: Mapping[str, object], shape: XmlShape, depth: int) -> Iterator[str]:
    """Yield the members as elements, in the order in which the user gave them."""
    for key, member in value.items():
        below = shape.properties.get(key, _UNKNOWN)
        if member is None or below.attribute:
            continue
        name = below.name or key
        if isinstance(member, list) and not below.wrapped:
            yield from _listed(name, member, below, depth)
        else:
            yield _element(name, member, below, depth=depth + 1)


def _listed(name: str, items: list[object], shape: XmlShape, depth: int) -> Iterator[str]:
    below = shape.items or _UNKNOWN
    for item in items:
        yield _element(below.name or name, item, below, depth=depth + 1)


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
