from __future__ import annotations

import json

import pytest

from tablecloud.catalog.model import Reshape
from tablecloud.rest.reshape import reshaped


def test_a_list_is_flattened_and_keeps_its_link() -> None:
    rows = [
        {"id": "1", "properties": {"vmSize": "A", "id": "inner", "big": 12345678901234567890}},
        {"id": "2", "properties": None},
        {"id": "3"},
    ]
    body = json.dumps({"value": rows, "nextLink": "https://x.test/2"}).encode()
    found = json.loads(reshaped(body, Reshape.FLATTEN_LIST))
    assert found["nextLink"] == "https://x.test/2"
    assert found["value"][0] == {
        "vmSize": "A",
        "id": "1",
        "big": 12345678901234567890,
        "properties": rows[0]["properties"],
        "_flattened": True,
    }
    assert [row["id"] for row in found["value"]] == ["1", "2", "3"]


def test_one_row_is_flattened() -> None:
    found = json.loads(reshaped(b'{"name":"n","properties":{"a":[1]}}', Reshape.FLATTEN_ONE))
    assert found == {"name": "n", "a": [1], "properties": {"a": [1]}, "_flattened": True}


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"value": {}}'])
@pytest.mark.parametrize("reshape", [None, Reshape.FLATTEN_LIST])
def test_another_shape_stays_as_it_is(body: bytes, reshape: Reshape | None) -> None:
    assert reshaped(body, reshape) == body


def test_a_list_without_rows() -> None:
    assert json.loads(reshaped(b'{"value":null}', Reshape.FLATTEN_LIST)) == {"value": [], "nextLink": None}
