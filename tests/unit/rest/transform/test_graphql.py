from __future__ import annotations

import json

import pytest

from tablecloud.errors import TransformError
from tablecloud.rest.transform.graphql import GraphQl, Strategy, query_body, read_page

QUERY = (
    "query {\n"
    '  repo(owner: "{{ .owner }}") { issues(first: {{ or .limit 50 }}{{ .cursor }}) { nodes { id } } }\n'
    "}"
)


def operation(**changes: object) -> GraphQl:
    fields = {"query": QUERY, "rows": "$.data.nodes[*]", "cursor": "$.data.page.end", **changes}
    return GraphQl(**fields)  # type: ignore[arg-type]


def query(body: bytes) -> str:
    text = json.loads(body)["query"]
    assert isinstance(text, str)
    return text


def page(rows: int, **info: object) -> dict[str, object]:
    return {"data": {"nodes": [{"id": n} for n in range(rows)], "page": info}}


def test_a_page_is_asked_for() -> None:
    first = query(query_body(operation(), {"owner": "acme"}))
    assert first == 'query {   repo(owner: "acme") { issues(first: 50) { nodes { id } } } }'
    later = query(query_body(operation(), {"owner": "acme"}, ', after: "c"', 7))
    assert 'issues(first: 7, after: "c")' in later


def test_a_value_cannot_leave_its_string() -> None:
    text = query(query_body(operation(), {"owner": 'a") { evil } #\n\\'}))
    assert 'owner: "a\\") { evil } #\\n\\\\"' in text


@pytest.mark.parametrize(
    ("of", "answer", "expected"),
    [
        ({"cursor": "$.data.nodes[-1:].id"}, page(3), ", after: 2"),
        ({"cursor": "$.data.nodes[-1:].id"}, page(0), None),
        ({"cursor": "$.data.nodes[*].id"}, page(2), None),
        ({}, page(1, end="e"), ', after: "e"'),
        ({}, page(1, end='e"x'), ', after: "e\\"x"'),
        ({}, page(1, end=None), None),
        ({}, page(1, end=""), None),
        ({"format": ', from: "{{ .value }}"'}, page(1, end="e"), ', from: "e"'),
        (
            {"strategy": Strategy.PAGE_INFO, "terminate": "$.data.page.more"},
            page(1, end="e", more=True),
            ', after: "e"',
        ),
        (
            {"strategy": Strategy.PAGE_INFO, "terminate": "$.data.page.more"},
            page(1, end="e", more=False),
            None,
        ),
        ({"strategy": Strategy.PAGE_INFO, "terminate": "$.data.page.more"}, page(1, end="e"), None),
        (
            {"strategy": Strategy.PAGE_INFO, "terminate": "$.data..more"},
            page(1, end="e", more=True),
            ', after: "e"',
        ),
        ({"strategy": Strategy.KEYSET, "format": ", gt: {{ .value }}"}, page(1, end=5), ", gt: 5"),
        ({"strategy": Strategy.KEYSET, "format": ", gt: {{ .value }}"}, page(0, end=5), None),
        (
            {"strategy": Strategy.KEYSET, "cursor": "$.data.nodes[-1:]", "format": ", gt: {{ .id }}"},
            page(2),
            ", gt: 1",
        ),
        ({"strategy": Strategy.OFFSET}, page(2), ", offset: 12"),
        ({"strategy": Strategy.OFFSET, "page_size": 2}, page(2), ", offset: 12"),
        ({"strategy": Strategy.OFFSET, "page_size": 3}, page(2), None),
        ({"strategy": Strategy.OFFSET}, page(0), None),
        ({"strategy": Strategy.OFFSET, "format": ", skip: {{ .value }}"}, page(2), ", skip: 12"),
    ],
)
def test_how_to_go_on(of: dict[str, object], answer: object, expected: str | None) -> None:
    assert read_page(operation(**of), answer, answer, 10).next_cursor == expected


def test_a_cursor_that_the_transform_dropped_is_in_the_raw_answer() -> None:
    found = read_page(operation(rows="$.rows"), {"rows": [{"id": 1}]}, page(1, end="e"), 0)
    assert (found.rows, found.next_cursor) == ([{"id": 1}], ', after: "e"')


def test_rows() -> None:
    assert read_page(operation(), page(2), page(2), 0).rows == [{"id": 0}, {"id": 1}]
    assert read_page(operation(), {"data": None}, {"data": None}, 0).rows == []
    assert read_page(operation(rows="$.data"), {"data": {"id": 1}}, {}, 0).rows == [{"id": 1}]


@pytest.mark.parametrize(
    "errors", [[{"message": "no such repo"}], {"message": "no such repo"}, ["no such repo"]]
)
def test_errors_in_an_answer_fail(errors: object) -> None:
    with pytest.raises(TransformError, match="no such repo"):
        read_page(operation(), {}, {"errors": errors, "data": None}, 0)


def test_a_keyset_needs_a_format() -> None:
    with pytest.raises(TransformError, match="format"):
        read_page(operation(strategy=Strategy.KEYSET), page(1, end=1), {}, 0)
