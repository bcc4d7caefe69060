"""Response templates: those that are recognised by their text, and what each comes to. None is run here.

A few forms are nearly all of the registry's templates. Two lift the members of `properties` into the row and
are done to each response; others only say where the rows are, so the rows are read from there. The rest are
kept as they are, for `rest.transform` to run. One of a type that is not known makes its method unsupported,
because rows that are not transformed would be wrong rows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from tablecloud.catalog.model import Column, Reshape, Transform
from tablecloud.catalog.readers.refs import Node, as_node, as_text

_FLATTENING = {
    "9f5bbed48697e487": Reshape.FLATTEN_LIST,
    "b0aa57b2ea8803de": Reshape.FLATTEN_ONE,
}
"""`digest` of the text -> what it does."""

_KNOWN = re.compile(
    r"golang_template_(json_|text_)?v0\.[13]\.0|golang_template_mxj_v0\.[123]\.0|schema_driven_xml_v0\.1\.0"
)
"""Types that can be run; tests hold this to what `rest.transform` knows."""

_WRAPPED = re.compile(
    r'\{\{- \$wrapped := printf "\{\\"(?P<key>[^"\\]+)\\":%s\}" \. -\}\}\s*\{\{- \$wrapped -\}\}'
)
_LOOP = r"\{\{-? ?range \$i, \$v := %s ?-?\}\}\{\{-? ?if \$i ?-?\}\},\{\{-? ?end ?-?\}\}"
_EACH = r'\{"(?P<column>[^"]+)": \{\{ toJson \$v \}\}\}\{\{- end -?\}\}'
_LIST_OF_VALUES = (
    re.compile(
        r'\{\{- \$lst := index \. "(?P<rows>[^"]+)" -\}\}(\{\{- \$tok := index \. "[^"]+" -\}\})?'
        r'\{"line_items": \[\{\{- if eq \(kindOf \$lst\) "slice" -\}\}'
        + _LOOP % r"\$lst"
        + _EACH
        + r'\{\{- end -\}\}\](\{\{- if \$tok \}\}, "[^"]+": \{\{ toJson \$tok \}\}\{\{- end \}\})?\}'
    ),
    re.compile(
        r'\{"value": \['
        + _LOOP % r'(index \. "(?P<rows>[^"]+)"|\.)'
        + _EACH
        + r'\](, "nextLink": \{\{ toJson \(index \. "nextLink"\) \}\})?\}'
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """What a template does to where rows are; every field says nothing unless it is set."""

    reshape: Reshape | None = None
    wrapped: str = ""
    """The response is what the document's schema has under this key."""
    values: tuple[str, ...] | None = None
    """Path of a list in the response whose elements are rows of one column."""
    column: str = ""
    """What that column is called."""
    transform: Transform | None = None
    """What is to be run on each response."""
    unsupported: str = ""
    """Why it cannot be done; empty where it can."""

    def place(self, items: tuple[str, ...], columns: tuple[Column, ...]) -> _Place:
        """Return the path of the rows that come, and their columns, from those of what the template makes."""
        if self.values is not None:
            named = [c for c in columns if c.name == self.column] or [Column(name=self.column, path=())]
            return self.values, (msgspec.structs.replace(named[0], path=()),)
        return items[1:] if self.wrapped else items, columns


_Place = tuple[tuple[str, ...], tuple[Column, ...]]


def template_of(response: Node, protocol: str, elements: dict[str, str]) -> Template:
    """Return what is done to the responses of a method.

    Parameters:
        protocol: the document's `info.x-protocol`.
        elements: properties of a row that are called otherwise in XML.
        response: the method's `response` block. Without `overrideMediaType` its template does not apply.
    """
    transform = as_node(response.get("transform"))
    if not transform or not response.get("overrideMediaType"):
        return Template()
    text = as_text(transform.get("body")).strip()
    if digest(text) in _FLATTENING:
        return Template(reshape=_FLATTENING[digest(text)])
    wrapped = _WRAPPED.fullmatch(text)
    object_key = as_text(response.get("objectKey"))
    if wrapped and f"{object_key}.".startswith(f"$.{wrapped['key']}."):
        return Template(wrapped=wrapped["key"])
    for form in _LIST_OF_VALUES:
        found = form.fullmatch(text)
        if found:
            return Template(values=(found["rows"],) if found["rows"] else (), column=found["column"])
    kind = as_text(transform.get("type"))
    if not is_known(kind):
        return Template(unsupported=f"its answers need the template language {kind}")
    return Template(transform=Transform(kind, as_text(transform.get("body")), protocol, elements))


def is_known(kind: str) -> bool:
    """Tell whether a type of transform can be run."""
    return _KNOWN.fullmatch(kind) is not None


def digest(text: str) -> str:
    """Return the first sixteen hexadecimal digits of a text's SHA-256."""
    return sha256(text.encode()).hexdigest()[:16]
