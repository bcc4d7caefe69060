from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tablecloud.catalog.xml_shapes import XmlBody, XmlShape
from tablecloud.errors import TransformError
from tablecloud.rest.transform.xmlbody import xml_body
from tablecloud.rest.transform.xmlmap import read_xml

TEXT = XmlShape()


def shape(**properties: XmlShape) -> XmlShape:
    return XmlShape(properties=properties)


def items(item: XmlShape | None = None, *, name: str = "", wrapped: bool = False) -> XmlShape:
    return XmlShape(items=item, name=name, wrapped=wrapped)


@pytest.mark.parametrize(
    ("body", "of", "expected"),
    [
        (
            {"a": "x", "b": 1, "c": True, "d": None, "e": 1.5},
            shape(),
            "<a>x</a><b>1</b><c>true</c><e>1.5</e>",
        ),
        ({"b": "2", "a": "1", "z": "3"}, shape(a=TEXT, b=TEXT), "<b>2</b><a>1</a><z>3</z>"),
        ({"a": {"b": {"c": "x"}}}, shape(), "<a><b><c>x</c></b></a>"),
        ({"a": "<&>\"'\r"}, shape(), "<a>&lt;&amp;&gt;\"'&#13;</a>"),
        ({"a": ["x", "y"]}, shape(a=items()), "<a>x</a><a>y</a>"),
        ({"a": ["x", "y"]}, shape(a=items(name="n")), "<n>x</n><n>y</n>"),
        ({"a": ["x", "y"]}, shape(a=items(XmlShape(name="i"))), "<i>x</i><i>y</i>"),
        ({"a": ["x"]}, shape(a=items(wrapped=True)), "<a><a>x</a></a>"),
        ({"a": ["x", "y"]}, shape(a=items(XmlShape(name="i"), wrapped=True)), "<a><i>x</i><i>y</i></a>"),
        ({"a": [{"b": [1, 2]}]}, shape(), "<a><b>1</b><b>2</b></a>"),
        ({"a": []}, shape(a=items()), ""),
        ({"a": []}, shape(a=items(wrapped=True)), "<a></a>"),
        (
            {"a": {"k": "v<", "b": "x"}},
            shape(a=shape(k=XmlShape(attribute=True))),
            '<a k="v&lt;"><b>x</b></a>',
        ),
        ({"a": "x"}, shape(a=XmlShape(name="n", prefix="p", namespace="u")), '<p:n xmlns:p="u">x</p:n>'),
        ({"a": "x"}, shape(a=XmlShape(namespace='u"')), '<a xmlns="u&quot;">x</a>'),
    ],
)
def test_bodies(body: dict[str, object], of: XmlShape, expected: str) -> None:
    assert xml_body(body, XmlBody(shape=of, root="R")).decode() == f"<R>{expected}</R>"


def test_without_a_root_the_only_property_is_the_root() -> None:
    rule = XmlBody(shape=shape(Delete=XmlShape(namespace="u", properties={"Objects": items(name="Object")})))
    body = {"Delete": {"Objects": [{"Key": "a"}, {"Key": "b"}]}}
    expected = '<Delete xmlns="u"><Object><Key>a</Key></Object><Object><Key>b</Key></Object></Delete>'
    assert xml_body(body, rule).decode() == expected
    with pytest.raises(TransformError, match="one root"):
        xml_body({"a": 1, "b": 2}, rule)


def test_declaration_and_annotation_are_written_as_they_are() -> None:
    rule = XmlBody(shape=shape(), root="R", declaration='<?xml version="1.0"?>', annotation='xmlns="u"')
    assert xml_body({"a": "x"}, rule) == b'<?xml version="1.0"?><R xmlns="u"><a>x</a></R>'


@pytest.mark.parametrize("body", [{"a b": 1}, {"": 1}, {"<x>": 1}, {"a": "\x00"}, {"a": "\ud800"}, {"1a": 1}])
def test_what_xml_cannot_hold_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(TransformError):
        xml_body(body, XmlBody(shape=shape(), root="R"))


def test_nesting_is_bounded() -> None:
    value: object = "x"
    for _ in range(500):
        value = {"a": value}
    with pytest.raises(TransformError, match="deeply"):
        xml_body({"a": value}, XmlBody(shape=shape(), root="R"))


NAMES = st.sampled_from(["a", "b", "Key", "x-y", "_z"])
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Z"]), min_size=1)
BODIES = st.recursive(
    TEXTS, lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=3), max_leaves=6
)


@given(st.dictionaries(NAMES, BODIES, min_size=1, max_size=3))
def test_what_is_written_is_read_back(body: dict[str, object]) -> None:
    assert read_xml(xml_body(body, XmlBody(shape=shape(), root="R"))) == {"R": body}
