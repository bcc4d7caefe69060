"""Bodies to batches: types, envelopes, odd values."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tablecloud.catalog.model import Column, Location, Parameter
from tablecloud.engine.rows import ROW_MARK, NotJson, RowDecoder, faces
from tablecloud.sqltypes import SqlType

KINDS = {
    "t": SqlType.VARCHAR,
    "i": SqlType.BIGINT,
    "d": SqlType.DOUBLE,
    "b": SqlType.BOOLEAN,
    "w": SqlType.TIMESTAMP,
    "j": SqlType.JSON,
}


def columns(*names: str) -> list[Column]:
    return [Column(name=name, path=(name,), type=KINDS[name[0]]) for name in names]


def decoder(*names: str, items: tuple[str, ...] = ("items",), parameters: tuple[str, ...] = ()) -> RowDecoder:
    known = [Parameter(name="i1", wire="i1", location=Location.QUERY, type=SqlType.BIGINT)]
    return RowDecoder(faces(columns(*names), parameters, known), items)


def rows(of: RowDecoder, body: Any, **arguments: str) -> list[tuple[Any, ...]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    batch = of.decode(data, arguments)
    if batch is None:
        return []
    return list(zip(*(batch.column(i).to_pylist() for i in range(batch.num_columns)), strict=True))


def test_values_take_their_types() -> None:
    body = {
        "items": [{"t": "x", "i": "12", "d": 3, "b": True, "w": "2024-01-02T03:04:05.123456789+01:00"}, {}]
    }
    found = rows(decoder("t", "i", "d", "b", "w"), body)
    assert found[0][:4] == ("x", 12, 3.0, True)
    assert found[0][4].isoformat() == "2024-01-02T02:04:05.123456+00:00"
    assert found[1] == (None,) * 5


def test_nested_values_keep_their_text() -> None:
    body = b'{"items": [{"j": {"b":1.0,  "a": [true]}}, {"j": null}, {"j": "x"}, {}]}'
    assert rows(decoder("j"), body) == [('{"b":1.0,  "a": [true]}',), (None,), ('"x"',), (None,)]


@pytest.mark.parametrize(
    ("items", "body", "count"),
    [
        (("items",), {"items": [{"t": "x"}]}, 1),
        (("items",), {"kind": "list"}, 0),
        (("items",), {"items": None}, 0),
        (("items",), {"items": []}, 0),
        (("a", "b"), {"a": {"b": [{"t": "x"}, {"t": "y"}]}}, 2),
        (("a", "b"), {"a": None}, 0),
        ((), {"t": "x"}, 1),
        ((), [{"t": "x"}, {"t": "y"}], 2),
        (("items", "*", "l"), {"items": {"z1": {"l": [{"t": "x"}]}, "z2": {"warning": 1}, "z3": None}}, 1),
        (("items",), {"items": {"t": "x"}}, 1),
    ],
)
def test_rows_are_found_wherever_they_lie(items: tuple[str, ...], body: object, count: int) -> None:
    found = rows(decoder("t", items=items), body)
    assert [row[0] for row in found] == ["x", "y"][:count]


def test_an_empty_body_has_no_rows() -> None:
    assert rows(decoder("t"), b"") == []
    assert rows(decoder("t"), b" \n") == []


@pytest.mark.parametrize("body", [b"<html>", b'{"items": [', b"{'items': 1}", b'{"items": [{"t": "\xff"}]}'])
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(NotJson):
        rows(decoder("t"), body)


def test_a_value_that_does_not_fit_is_null_and_counted() -> None:
    body = {
        "items": [
            {"i": 1, "t": 5, "d": "x"},
            {"i": "x", "t": {"a": 1}},
            {"i": 2**70},
            {"i": "3.0", "d": "NaN"},
        ]
    }
    of = decoder("i", "t", "d")
    found = rows(of, body)
    assert [row[0] for row in found] == [1, None, None, 3]
    assert [row[1] for row in found] == ["5", '{"a": 1}', None, None]
    assert of.misfits == {"i": 2, "d": 1}


def test_a_time_that_is_none_is_null_and_counted() -> None:
    of = decoder("w")
    assert rows(of, {"items": [{"w": "soon"}, {"w": None}, {"w": "2024-01-01T00:00:00Z"}]})[0] == (None,)
    assert of.misfits == {"w": 1}


def test_rows_that_are_one_value() -> None:
    of = RowDecoder(faces([Column(name="value", path=(), type=SqlType.VARCHAR)], [], []), ("items",))
    assert rows(of, {"items": ["a", 1, None]}) == [("a",), ("1",), (None,)]


def test_deep_paths_are_followed() -> None:
    of = RowDecoder(faces([Column(name="x", path=("a", "b"), type=SqlType.BIGINT)], [], []), ("items",))
    assert rows(of, {"items": [{"a": {"b": 4}}, {"a": 1}, {}]}) == [(4,), (None,), (None,)]


def test_arguments_fill_columns_and_gaps() -> None:
    of = decoder("t", "i", parameters=("T", "zone", "i1"))
    found = rows(of, {"items": [{"t": "own", "i": 1}, {"i": 2}]}, T="arg", zone="z", i1="7")
    assert found == [("own", 1, "z", 7), ("arg", 2, "z", 7)]
    assert of.schema.names == ["t", "i", "zone", "i1"]


def test_no_column_still_counts_rows() -> None:
    of = decoder()
    assert of.schema.names == [ROW_MARK]
    assert len(rows(of, {"items": [{}, {"x": 1}]})) == 2
