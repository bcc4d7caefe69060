"""Reads XML as maps and lists, safely: no document types, no entities but XML's own, bounded depth and size.

Contract: the mxj convention, which the templates of XML answers are written for: an attribute is `-name`,
text beside attributes or elements is `#text`, an element that is repeated is a list, one that holds only
text is that text. Prefixes of namespaces are dropped, text is trimmed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from tablecloud.errors import TransformError

_SPACE = "\t\r\b\n "
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?", re.A)
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class XmlLimits:
    """What one document may hold."""

    depth: int = 100
    nodes: int = 5_000_000
    """Elements and attributes."""


@dataclass(slots=True)
class _Element:
    """An element that is being read."""

    name: str
    members: dict[str, object] = field(default_factory=dict)
    repeated: set[str] = field(default_factory=set)
    text: list[str] = field(default_factory=list)

    def add(self, name: str, value: object) -> None:
        """Add a member; the second of one name makes a list of both."""
        if name not in self.members:
            self.members[name] = value
        elif name in self.repeated:
            listed = self.members[name]
            assert isinstance(listed, list)
            listed.append(value)
        else:
            self.repeated.add(name)
            self.members[name] = [self.members[name], value]


def read_xml(body: bytes, *, cast: bool = False, limits: XmlLimits | None = None) -> dict[str, object]:
    """Return a document as `{root: value}`.

    Parameters:
        body: the text, in the encoding that it declares.
        cast: turn text that is exactly a number or a bool into one. `007` and `1.10` stay text: as numbers
            they would lose what they say.

    Raises:
        TransformError: the text is not well-formed XML, declares a document type, or is beyond the limits.
    """
    reader = _Reader(cast, limits or XmlLimits())
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        where = f"line {error.lineno}, column {error.offset + 1}"
        raise TransformError(f"the XML cannot be read: {expat.ErrorString(error.code)} ({where})") from None
    except (LookupError, ValueError):
        raise TransformError("the XML is in an encoding that is not known") from None
    return reader.top.members


def cast_text(text: str) -> object:
    """Return the number or bool that a text is exactly, else the text."""
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _NUMBER.fullmatch(text) is None or text == "-0":
        return text
    if "." not in text:
        return int(text)
    number = float(text)
    return number if repr(number) == text else text


class _Reader:
    """What expat calls; the elements that are open."""

    def __init__(self, cast: bool, limits: XmlLimits) -> None:
        self._cast: Callable[[str], object] = cast_text if cast else str
        self._limits = limits
        self._nodes = 0
        self.top = _Element("")
        self._open = [self.top]

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Take a start tag."""
        self._nodes += 1 + len(attributes)
        if len(self._open) > self._limits.depth or self._nodes > self._limits.nodes:
            raise TransformError("the XML is nested too deeply or has too many elements")
        element = _Element(_local(name))
        for key, value in attributes.items():
            element.members[f"-{_local(key)}"] = self._cast(value)
        self._open.append(element)

    def text(self, text: str) -> None:
        """Take text."""
        self._open[-1].text.append(text)

    def end(self, _name: str) -> None:
        """Take an end tag."""
        element = self._open.pop()
        text = "".join(element.text).strip(_SPACE)
        value: object = self._cast(text)
        if element.members:
            if text:
                element.members["#text"] = value
            value = element.members
        self._open[-1].add(element.name, value)


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _refuse_doctype(*_declared: object) -> NoReturn:
    raise TransformError("the XML declares a document type, which is not accepted")
