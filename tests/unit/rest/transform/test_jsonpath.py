from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tablecloud.errors import TransformError
from tablecloud.rest.transform.jsonpath import find, find_all, find_token, parse_path

DOCUMENT = {
    "a": {"b": {"c": 1}},
    "items": [{"id": 1, "on": True, "n": "x"}, {"id": 2, "on": False}, {"id": 3, "n": None}],
    "@odata.nextLink": "u",
    "odd name": {"x.y": 5},
    "nil": None,
    "data": {"nodes": [{"id": 9, "sub": {"id": 10}}]},
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", DOCUMENT),
        ("$.a.b.c", 1),
        ("$.a['b'].c", 1),
        ('$["a"]["b"]["c"]', 1),
        ("$['odd name']['x.y']", 5),
        ("$.@odata.nextLink", "u"),
        ("@odata.nextLink", "u"),
        ("$['@odata.nextLink']", "u"),
        ("nil", None),
        ("a", {"b": {"c": 1}}),
        ("$.items[0].id", 1),
        ("$.items[-1].id", 3),
        ("$.items[7].id", None),
        ("$.none.b", None),
        ("$.a.b.c.d", None),
        ("$.items[*].id", [1, 2, 3]),
        ("$.items.*.id", [1, 2, 3]),
        ("$.items[-1:].id", [3]),
        ("$.items[:2].id", [1, 2]),
        ("$.items[1:].id", [2, 3]),
        ("$.items[0:1]", [{"id": 1, "on": True, "n": "x"}]),
        ("$.none[*]", []),
        ("$.a.*", [{"c": 1}]),
        ("$.data..id", [9, 10]),
        ("$..c", [1]),
        ("$..nodes[*].sub.id", [10]),
        ("$.items[?(@.id > 1)].id", [2, 3]),
        ("$.items[?(@.on == true)].id", [1]),
        ("$.items[?(@.n)].id", [1, 3]),
        ("$.items[?(!@.n)].id", [2]),
        ("$.items[?(@.n == null)].id", [3]),
        ("$.items[?(@.n == 'x' || @.id == 2)].id", [1, 2]),
        ("$.items[?(@.id >= 2 && @.id < 3)].id", [2]),
        ("$.items[?(@['id'] != 1)].id", [2, 3]),
        ("$.items[?(@.id > 'x')].id", []),
        ("$.items[?@.id == 2].id", [2]),
        ("$.items[?((@.id == 1 || @.id == 2) && !(@.on == true))].id", [2]),
    ],
)
def test_paths(path: str, expected: object) -> None:
    assert find(parse_path(path), DOCUMENT) == expected


def test_a_missing_value_is_told_from_null() -> None:
    assert find(parse_path("$.nil"), DOCUMENT, "none") is None
    assert find(parse_path("$.missing"), DOCUMENT, "none") == "none"


def test_a_token_s_list_of_one_is_the_item() -> None:
    assert find_token(parse_path("$.items[-1:].id"), DOCUMENT) == 3
    assert find_token(parse_path("$.items[*].id"), DOCUMENT) == [1, 2, 3]
    assert find_token(parse_path("$.none"), DOCUMENT) is None


@pytest.mark.parametrize(
    "path",
    [
        "$.",
        "$x",
        "$[",
        "$.a[",
        "$.a[x]",
        "$.a[?(",
        "$.a[?(@.b == )]",
        "$.a[?(@.b ==1)",
        "$..",
        "$.a b",
        "$" + ".a" * 2000,
    ],
)
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(TransformError):
        parse_path(path)


@given(st.text("$.[]*?()@'\"ab1:-=&|! <>", max_size=30))
def test_any_text_is_a_path_or_refused(text: str) -> None:
    with suppress(TransformError):
        find_all(parse_path("$" + text), DOCUMENT)


def test_deep_documents_are_searched() -> None:
    deep: object = {"id": 1}
    for _ in range(20_000):
        deep = {"a": deep}
    assert find(parse_path("$..id"), deep) == [1]
