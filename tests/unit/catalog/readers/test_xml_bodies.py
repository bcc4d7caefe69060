from __future__ import annotations

from typing import Any

import pytest

from tablecloud.catalog.readers.refs import Pointers
from tablecloud.catalog.readers.xml_bodies import xml_body_of
from tablecloud.catalog.xml_shapes import XmlBody, XmlShape

TEXT = {"type": "string"}
SCHEMAS: dict[str, Any] = {
    "Rule": {
        "type": "object",
        "properties": {
            "Id": {"type": "string", "xml": {"attribute": True}},
            "Tags": {"type": "array", "items": TEXT, "xml": {"name": "Tag", "wrapped": True}},
            "Inner": {"$ref": "#/components/schemas/Rule"},
        },
    },
    "Rules": {"type": "array", "items": {"type": "object", "xml": {"name": "Rule"}}},
    "Named": {"type": "object", "xml": {"name": "Config", "namespace": "u", "prefix": "p"}},
}
RULE = XmlShape(
    properties={"Id": XmlShape(attribute=True), "Tags": XmlShape(name="Tag", wrapped=True)},
)


def read(schema: dict[str, Any], **request: str) -> XmlBody | None:
    return xml_body_of(Pointers({"components": {"schemas": SCHEMAS}}), schema, request)


def ref(name: str, **beside: Any) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}", **beside}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (ref("Rule"), XmlBody(root="Rule", shape=RULE)),
        (ref("Named"), XmlBody(root="Config", shape=XmlShape(name="Config", namespace="u", prefix="p"))),
        ({"properties": {"Rule": ref("Rule")}}, XmlBody(shape=XmlShape(properties={"Rule": RULE}))),
        (
            {"xml": {"name": "R"}, "properties": {"Rules": ref("Rules"), "A": TEXT}},
            XmlBody(
                root="R",
                shape=XmlShape(name="R", properties={"Rules": XmlShape(items=XmlShape(name="Rule"))}),
            ),
        ),
        (
            {"xml": {"name": "R"}, "properties": {"Rules": ref("Named", xml={"name": "Own"})}},
            XmlBody(
                root="R",
                shape=XmlShape(
                    name="R", properties={"Rules": XmlShape(name="Own", namespace="u", prefix="p")}
                ),
            ),
        ),
    ],
)
def test_bodies(schema: dict[str, Any], expected: XmlBody) -> None:
    assert read(schema) == expected


def test_declaration_and_annotation() -> None:
    found = read(ref("Rule"), xmlDeclaration="<?xml?>", xmlRootAnnotation='xmlns="u"')
    assert found is not None and (found.declaration, found.annotation) == ("<?xml?>", 'xmlns="u"')


@pytest.mark.parametrize("properties", [{}, {"A": TEXT}, {"A": ref("Rule"), "B": TEXT}, {"A": ref("Rules")}])
def test_a_body_whose_root_is_not_known(properties: dict[str, Any]) -> None:
    assert read({"type": "object", "properties": properties}) is None
