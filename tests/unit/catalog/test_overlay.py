from __future__ import annotations

import json
from typing import Any

import pytest
from discovery_documents import encoded

from tablecloud.catalog.model import Acceptor, Method, Resource
from tablecloud.catalog.overlay import Overlay, apply_overlay, read_overlay
from tablecloud.catalog.readers.discovery import read_resources
from tablecloud.errors import DocumentError


def overlay(**methods: Any) -> Overlay:
    named = {f"library.shelves.books.{name}": rules for name, rules in methods.items()}
    return read_overlay(
        json.dumps({"service": "acme.library", "version": "v1", "methods": named}).encode(), "o.json"
    )


def applied(said: Overlay) -> dict[str, Resource]:
    found = read_resources(encoded(), "library.v1.json", provider="acme", service="library")
    return {r.name: r for r in apply_overlay(said, found)}


def method(resource: Resource, name: str) -> Method:
    return next(m for m in resource.methods if m.name == name)


def test_waiting_replaces_the_documents_rule() -> None:
    rule = {
        "poll": "v1/b/{id}",
        "acceptors": [{"path": ["state"], "values": ["BAD"], "success": False}],
        "progress": ["state"],
    }
    found = method(applied(overlay(create={"long_running": rule}))["books"], "create").long_running
    assert found is not None
    assert (found.poll, found.progress) == ("v1/b/{id}", ("state",))
    assert found.acceptors == (Acceptor(path=("state",), values=("BAD",), success=False),)


def test_what_is_not_said_stays_as_the_document_has_it() -> None:
    found = method(applied(overlay(create={"identity": {}}))["books"], "create")
    assert found.long_running is not None and found.long_running.poll == "v1/{+name}"


def test_columns_that_the_form_lacks_are_left_out() -> None:
    columns = {"name": ["="], "nothing": ["="]}
    filtered = {"parameter": "filter", "dialect": "gcloud", "columns": columns}
    found = applied(overlay(list={"identity": {"name": "booksId"}, "remote_filter": filtered}))
    table, page = method(found["books"], "list"), method(found["shelves.books"], "list")
    assert table.identity == {"name": "booksId"} and page.identity == {}
    assert table.remote_filter is not None and table.remote_filter.columns == {"name": ("=",)}
    assert page.remote_filter is None


def test_a_method_that_is_not_there_is_an_error() -> None:
    with pytest.raises(DocumentError, match=r"library\.shelves\.books\.burn"):
        applied(overlay(burn={}))


@pytest.mark.parametrize(
    "text", ["{", '{"service": 1}', '{"service": "a", "version": "v", "methods": {"m": {"pol": 1}}}']
)
def test_a_wrong_overlay_is_an_error_that_names_the_file(text: str) -> None:
    with pytest.raises(DocumentError, match=r"o\.json"):
        read_overlay(text.encode(), "o.json")
