"""The door to transforms: an answer's body in, the JSON that the document's schema describes out.

    if knows_transform(kind):
        for body in apply_response_transform(kind, template, body): …decode as `overrideMediaType`…

For whoever reads documents: `kind` and `template` are `response.transform.type` and `.body`. Call it only
where the document has an `overrideMediaType` too, else its transform does not run. Paths of rows and of
paging tokens apply to what comes out. `schema_driven_xml_v0.1.0` has no template; it needs `xml`, made from
the override schema: `XmlRows(list_key=<last step of objectKey>, protocol=<info.x-protocol>,
fields=<RowField per property of a row>)`. The shapes are msgspec Structs: a catalog can hold them as JSON
text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from tablecloud.errors import TransformError
from tablecloud.rest.transform.azure import Unusual, native
from tablecloud.rest.transform.gotemplate import compile_template, render
from tablecloud.rest.transform.shapes import RowField
from tablecloud.rest.transform.values import json_values
from tablecloud.rest.transform.xmlmap import read_xml

_Read: TypeAlias = Callable[[bytes], list[object]]


class XmlRows(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """What `schema_driven_xml_v0.1.0` needs to know of the method."""

    list_key: str
    protocol: str = ""
    fields: tuple[RowField, ...] = ()


SCHEMA_XML = "schema_driven_xml_v0.1.0"


def knows_transform(kind: str) -> bool:
    """Return whether a type of transform is one of those that are offered."""
    return kind == SCHEMA_XML or kind in _INPUTS


def check_template(kind: str, template: str) -> None:
    """Refuse a template that cannot be run, before there is an answer to run it on.

    Raises:
        TransformError: the type is not known, or the text is no template.
    """
    if not knows_transform(kind):
        raise _unknown(kind)
    if kind != SCHEMA_XML:
        compile_template(template)


def apply_response_transform(
    kind: str, template: str, body: bytes, *, xml: XmlRows | None = None
) -> list[bytes]:
    """Return what a transform makes of an answer: one text, several where the answer is several JSON values.

    Parameters:
        kind: the transform's type.
        template: its body; empty for `schema_driven_xml_v0.1.0`.
        body: the answer, decompressed; a blank one or `null` gives no text.
        xml: what `schema_driven_xml_v0.1.0` needs.

    Raises:
        TransformError: the type is not known, the template fails, or the answer is not what the type reads.
    """
    if kind == SCHEMA_XML:
        from tablecloud.rest.transform.schema_xml import rows_from_xml

        rows = xml or XmlRows(list_key="line_items")
        return [rows_from_xml(body, rows.list_key, rows.fields, rows.protocol)]
    read = _INPUTS.get(kind)
    if read is None:
        raise _unknown(kind)
    if not body or body.isspace():
        return []
    if read is json_values and (run := native(template)) is not None:
        try:
            return [run(body)]
        except Unusual:
            pass  # The template says what becomes of it, failures included.
    compiled = compile_template(template)
    return [render(compiled, value).encode("utf-8", "replace") for value in read(body)]


def apply_request_transform(kind: str, template: str, body: bytes) -> bytes:
    """Return the body that a transform makes of a request's JSON body, to be sent as it is.

    Raises:
        TransformError: the type is not known, the template fails, or the body is not JSON.
    """
    read = _INPUTS.get(kind)
    if read is None:
        raise _unknown(kind)
    values = read(body) or [None]
    return render(compile_template(template), values[0]).encode("utf-8", "replace")


def _read_text(body: bytes) -> list[object]:
    return [body.decode("utf-8", "replace")]


def _read_xml(body: bytes) -> list[object]:
    return [read_xml(body.strip(), cast=True)]


def _unknown(kind: str) -> TransformError:
    return TransformError(f"the transform {kind[:60]!r} is not offered")


_INPUTS: Mapping[str, _Read] = {
    "golang_template_json_v0.1.0": json_values,
    "golang_template_json_v0.3.0": json_values,
    "golang_template_text_v0.1.0": _read_text,
    "golang_template_text_v0.3.0": _read_text,
    "golang_template_v0.1.0": _read_text,
    "golang_template_v0.3.0": _read_text,
    "golang_template_mxj_v0.1.0": _read_xml,
    "golang_template_mxj_v0.2.0": _read_xml,
    "golang_template_mxj_v0.3.0": _read_xml,
}
"""Type of a transform -> what a body is to its template; one value each run."""
