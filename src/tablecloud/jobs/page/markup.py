"""HTML and SVG as values: text is escaped wherever it enters, so that nobody has to remember to. Pure."""

from __future__ import annotations

from html import escape

_VOID = frozenset({"br", "img", "input", "link", "meta"})


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


Child = str | int | None
"""A `Markup` stays as it is, any other text is escaped, None is nothing."""


def tag(element: str, /, *children: Child, **attributes: str | int | float | bool | None) -> Markup:
    """Return an element.

    Parameters:
        attributes: by name; `_` stands for `-`, and one at the end keeps a name from being a keyword
            (`class_`). True writes the name alone, None and False write nothing.
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if element in _VOID:
        return Markup(f"<{element}{written}>")
    return Markup(f"<{element}{written}>{join(*children)}</{element}>")


def join(*children: Child) -> Markup:
    """Return pieces one behind the other."""
    return Markup("".join(_text(child) for child in children))


def _text(child: Child) -> str:
    if child is None:
        return ""
    return child if isinstance(child, Markup) else escape(_printable(str(child)))


def _attribute(key: str, value: str | int | float | bool | None) -> str:
    name = key.removesuffix("_").replace("_", "-")
    if value is None or value is False:
        return ""
    if value is True:
        return f" {name}"
    return f' {name}="{escape(_printable(str(value)))}"'


def _printable(text: str) -> str:
    """Replace what no HTML document may hold: NUL, other controls, half surrogate pairs."""
    clean = "".join(char if char >= " " or char in "\t\n\r" else "\ufffd" for char in text)
    return clean.encode("utf-8", "replace").decode()
