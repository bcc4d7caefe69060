from __future__ import annotations

import json
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tablecloud.errors import TransformError
from tablecloud.rest.transform.response import (
    SCHEMA_XML,
    XmlRows,
    apply_request_transform,
    apply_response_transform,
    check_template,
    knows_transform,
)
from tablecloud.rest.transform.shapes import RowField

JSON, TEXT, MXJ = "golang_template_json_v0.3.0", "golang_template_text_v0.1.0", "golang_template_mxj_v0.2.0"


@pytest.mark.parametrize(
    ("kind", "template", "body", "expected"),
    [
        (JSON, '{"rows": {{ toJson .data }}}', b'{"data":[1]}', [b'{"rows": [1]}']),
        (JSON, "{{ .a }}", b'{"a":1}\n{"a":2}\n', [b"1", b"2"]),
        (JSON, "{{ .a }}", b'\xef\xbb\xbf{"a":1}', [b"1"]),
        (JSON, "{{ .a }}", b"null", []),
        (JSON, "{{ .a }}", b" ", []),
        (JSON, "{{ . }}", "\u00e9".join('""').encode(), ["\u00e9".encode()]),
        (
            TEXT,
            '[{"contents": {{ toJson . }}}]',
            b'a "b"\xff',
            ['[{"contents": "a \\"b\\"\ufffd"}]'.encode()],
        ),
        (TEXT, '{{ printf "{\\"rows\\":%s}" . }}', b"[1]", [b'{"rows":[1]}']),
        (MXJ, "{{ toJson .r.n }}", b"<r><n>1</n><n>x</n></r>", [b'[1,"x"]']),
    ],
)
def test_answers(kind: str, template: str, body: bytes, expected: list[bytes]) -> None:
    assert apply_response_transform(kind, template, body) == expected


def test_rows_by_schema() -> None:
    rule = XmlRows(list_key="rows", protocol="query", fields=(RowField(name="id"),))
    kept = msgspec.json.decode(msgspec.json.encode(rule), type=XmlRows)
    assert kept == rule
    [text] = apply_response_transform(SCHEMA_XML, "", b"<r><v><id>1</id></v></r>", xml=kept)
    assert json.loads(text) == {"rows": [{"id": "1"}]}
    assert apply_response_transform(SCHEMA_XML, "", b"", xml=rule) == [b'{"rows":[]}']


def test_requests() -> None:
    assert apply_request_transform(JSON, "{{ .value }}", b'{"value":"raw"}') == b"raw"
    assert apply_request_transform(JSON, "{{ if . }}x{{ end }}", b"") == b""


@pytest.mark.parametrize("body", [b"{", b"{} x", b'{"a":NaN}', b"<r/>", b"\xff", b"[" * 100_000])
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(TransformError):
        apply_response_transform(JSON, "{{ . }}", body)


def test_unknown_types_are_refused() -> None:
    assert not knows_transform("starlark")
    with pytest.raises(TransformError):
        check_template("starlark", "")
    with pytest.raises(TransformError):
        apply_response_transform("starlark", "", b"{}")
    with pytest.raises(TransformError):
        apply_request_transform(SCHEMA_XML, "", b"{}")


def test_templates_are_checked_before_use() -> None:
    check_template(SCHEMA_XML, "")
    check_template(JSON, "{{ toJson . }}")
    with pytest.raises(TransformError):
        check_template(JSON, "{{ toYaml . }}")


PIECES = st.sampled_from(
    [
        "{{", "}}", "{{- ", " -}}", "if ", "else", "end", "range ", "$i, $x := ", "$x", ".", ".a", " | ",
        "toJson ", "printf ", '"%v"', "index ", "(", ")", "eq ", "1", "-2.5e3", "'c'", "`r`", '"s"', " ",
        "\n", "text", ":=", "=", "define ", "template ", "with ", "break", "nil", "true", "separator ",
        "call ", "len ", "and ", "slice ", "{{ if . }}", "{{ range . }}", "{{ end }}", "{{ . }}",
        "{{ toJson . }}", "/*", "*/", "\x00", "\u00e9",
    ]
)  # fmt: skip
BODIES = st.sampled_from(
    [b"{}", b'{"a":[1,{"b":null}]}', b'"text"', b"[[1],2.5]", b"<r a='1'>x</r>", b"{", b""]
)


@given(st.sampled_from([JSON, TEXT, MXJ]), st.lists(PIECES, max_size=14).map("".join), BODIES)
def test_any_template_on_any_answer_gives_text_or_a_typed_error(
    kind: str, template: str, body: bytes
) -> None:
    with suppress(TransformError):
        apply_response_transform(kind, template, body)
