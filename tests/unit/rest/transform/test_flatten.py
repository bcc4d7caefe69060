from __future__ import annotations

import pytest

from tablecloud.errors import TransformError
from tablecloud.rest.transform.flatten import FORM, drop_marked_parameters, flatten_canonical, query_to_form


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[{"Name":"a","Value":["x"]}]', [("Filter.1.Name", "a"), ("Filter.1.Value.1", "x")]),
        ('["a","b"]', [("Filter.1", "a"), ("Filter.2", "b")]),
        ('{"A":{"B":1}}', [("Filter.A.B", "1")]),
        ('{"A":true,"B":1.5,"C":null}', [("Filter.A", "true"), ("Filter.B", "1.5")]),
        ("[]", []),
        ("plain text", [("Filter", "plain text")]),
        ('"quoted"', [("Filter", "quoted")]),
        ("12", [("Filter", "12")]),
        ("007", [("Filter", "007")]),
        ("", [("Filter", "")]),
    ],
)
def test_json_values_become_parameters(text: str, expected: list[tuple[str, str]]) -> None:
    assert flatten_canonical("Filter", text) == expected


@pytest.mark.parametrize("depth", [100, 100_000])
def test_nesting_is_bounded(depth: int) -> None:
    with pytest.raises(TransformError, match="Filter nests"):
        flatten_canonical("Filter", "[" * depth + "]" * depth)


def test_a_query_becomes_a_form() -> None:
    form = query_to_form("https://h/?Action=List&Version=1&Name=a%20b%26c", b"")
    assert (form.url, form.body, form.content_type) == (
        "https://h/",
        b"Action=List&Version=1&Name=a%20b%26c",
        FORM,
    )
    assert query_to_form("https://h/x", b"").body == b""
    with pytest.raises(TransformError):
        query_to_form("https://h/?a=1", b"{}")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?Action=C&Version=1&__A&__d=true", "?Action=C&Version=1"),
        ("?__A", ""),
        ("?a__=1&_b=2", "?a__=1&_b=2"),
        ("?%5F_a=1&b=%2F", "?b=%2F"),
        ("", ""),
    ],
)
def test_marked_parameters_are_dropped(query: str, expected: str) -> None:
    assert drop_marked_parameters(f"https://h/p{query}") == f"https://h/p{expected}"
