from __future__ import annotations

import json
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tablecloud.errors import TransformError
from tablecloud.rest.transform.azure import NATIVE, flatten_list, flatten_one, native
from tablecloud.rest.transform.gotemplate import compile_template, render
from tablecloud.rest.transform.response import apply_response_transform

# Written for this test; they say what the registry's texts say.
ROW = (
    '{ {{ $p := index $row "properties" }}{{ if eq (kindOf $p) "map" }}{{ range $k, $v := $p }}'
    "{{ toJson $k }}: {{ toJson $v }}, {{ end }}{{ end }}{{ range $k, $v := $row }}"
    '{{ toJson $k }}: {{ toJson $v }}, {{ end }}"_flattened": true }'
)
ONE = "{{ $row := . }}" + ROW
LIST = (
    '{"value": [{{ range $i, $row := index . "value" }}{{ if $i }},{{ end }}'
    + ROW
    + '{{ end }}], "nextLink": {{ toJson (index . "nextLink") }}}'
)

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
NAMES = st.sampled_from(["properties", "id", "name", "a", "_flattened", "é<&>", ""]) | st.text(max_size=3)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
ROWS = st.dictionaries(NAMES, JSON, max_size=4)


def decoded(text: bytes | str) -> object:
    """Return JSON whose numbers are floats: Go writes a large float as an integer."""
    return json.loads(text, parse_int=float)


def encoded(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


@settings(max_examples=200, deadline=None)
@given(st.lists(ROWS, max_size=4), JSON)
def test_a_list_is_flattened_as_the_template_does(rows: list[object], link: object) -> None:
    page = {"value": rows, "nextLink": link, "other": 1}
    assert decoded(flatten_list(encoded(page))) == decoded(render(compile_template(LIST), page))


@settings(max_examples=200, deadline=None)
@given(ROWS)
def test_one_row_is_flattened_as_the_template_does(row: object) -> None:
    assert decoded(flatten_one(encoded(row))) == decoded(render(compile_template(ONE), row))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"value":[]}', b'{"value":[],"nextLink":null}'),
        (b"{}", b'{"value":[],"nextLink":null}'),
        (b'{"value":null,"nextLink":"u"}', b'{"value":[],"nextLink":"u"}'),
        (b' {"value":[ {} , {"properties" : { } } ]} ', None),
        (b'{"value":[{"n":12345678901234567890.5,"properties":{"n":1}}]}', None),
    ],
)
def test_lists_at_the_edges(body: bytes, expected: bytes | None) -> None:
    flat = flatten_list(body)
    assert expected is None or flat == expected
    assert decoded(flat) == decoded(render(compile_template(LIST), json.loads(body)))


def test_numbers_and_spelling_are_kept() -> None:
    assert flatten_one(b'{"n": 1.10, "properties": {"big": 12345678901234567890123, "s": "\\u003c"}}') == (
        b'{"big": 12345678901234567890123, "s": "\\u003c",'
        b'"n": 1.10, "properties": {"big": 12345678901234567890123, "s": "\\u003c"},"_flattened":true}'
    )


@pytest.mark.parametrize(
    "body", [b"[]", b"1", b"x", b'{"value":[1]}', b'{"value":{"a":{}}}', b"\xff", b'{"value":[{]}']
)
def test_what_is_unusual_is_the_template_s(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "tablecloud.rest.transform.azure.NATIVE", {sha256(LIST.encode()).hexdigest(): flatten_list}
    )
    kind = "golang_template_json_v0.3.0"
    try:
        expected = [render(compile_template(LIST), json.loads(body)).encode()]
    except (ValueError, TransformError):
        with pytest.raises(TransformError):
            apply_response_transform(kind, LIST, body)
    else:
        assert apply_response_transform(kind, LIST, body) == expected


def test_only_known_texts_are_native() -> None:
    assert native(LIST) is None
    assert len(NATIVE) == 2
