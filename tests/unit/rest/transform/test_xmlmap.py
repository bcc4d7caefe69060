from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tablecloud.errors import TransformError
from tablecloud.rest.transform.xmlmap import XmlLimits, cast_text, read_xml


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<a>x</a>", {"a": "x"}),
        ("<a/>", {"a": ""}),
        ("<a>  x \n</a>", {"a": "x"}),
        ("<a><b>1</b></a>", {"a": {"b": "1"}}),
        ("<a><b>1</b><b>2</b><b>3</b></a>", {"a": {"b": ["1", "2", "3"]}}),
        ("<a><b>1</b><c/><b/></a>", {"a": {"b": ["1", ""], "c": ""}}),
        ('<a k="v">x</a>', {"a": {"-k": "v", "#text": "x"}}),
        ('<a k="v"/>', {"a": {"-k": "v"}}),
        ("<a>x<b>1</b>y</a>", {"a": {"b": "1", "#text": "xy"}}),
        ('<p:a xmlns:p="u" p:k="1"><p:b>z</p:b></p:a>', {"a": {"-p": "u", "-k": "1", "b": "z"}}),
        ("<a>&lt;&amp;&#65;<![CDATA[<x>]]></a>", {"a": "<&A<x>"}),
        ('<?xml version="1.0" encoding="UTF-8"?><a>\u00e9</a>', {"a": "\u00e9"}),
    ],
)
def test_xml_becomes_maps(text: str, expected: object) -> None:
    assert read_xml(text.encode()) == expected


def test_another_encoding() -> None:
    assert read_xml('<?xml version="1.0" encoding="ISO-8859-1"?><a>\u00e9</a>'.encode("latin-1")) == {
        "a": "\u00e9"
    }


def test_two_lists_of_one_element_are_a_list_of_lists_never() -> None:
    assert read_xml(b"<a><b><c>1</c><c>2</c></b><b><c>3</c></b></a>") == {
        "a": {"b": [{"c": ["1", "2"]}, {"c": "3"}]}
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1), ("-5", -5), ("0", 0), ("1.5", 1.5), ("true", True), ("False", False),
        ("007", "007"), ("1.10", "1.10"), ("+1", "+1"), ("1e5", "1e5"), ("NaN", "NaN"), ("t", "t"), ("", ""),
        ("-0", "-0"), ("0x1", "0x1"), ("1_000", "1_000"), ("\u0663", "\u0663"),
        ("12345678901234567890", "12345678901234567890"),
    ],
)  # fmt: skip
def test_only_text_that_is_exactly_a_value_is_cast(text: str, expected: object) -> None:
    found = cast_text(text)
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"x",
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"<a>&none;</a>",
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b'<?xml version="1.0" encoding="none"?><a/>',
        b"<a>" * 200 + b"</a>" * 200,
        b"<a>\x00</a>",
    ],
)
def test_what_is_not_accepted(text: bytes) -> None:
    with pytest.raises(TransformError):
        read_xml(text)


def test_the_number_of_elements_is_bounded() -> None:
    with pytest.raises(TransformError, match="too many"):
        read_xml(b"<a>" + b"<b/>" * 20 + b"</a>", limits=XmlLimits(nodes=10))


@given(st.binary(max_size=60) | st.text("<>/ab=\"'&;![]?-x ", max_size=40).map(str.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(TransformError):
        read_xml(body, cast=True)
