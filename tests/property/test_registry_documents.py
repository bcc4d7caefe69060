"""Documents that are broken anywhere: reading them gives resources or a `DocumentError`, never a crash."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.registry_documents import provider, service

from tablecloud.catalog.readers.openapi import ServicePlace, read_service
from tablecloud.catalog.readers.provider import read_provider
from tablecloud.catalog.readers.yaml_text import read_yaml
from tablecloud.errors import DocumentError

JUNK = st.sampled_from(
    [None, 0, -1, True, "", "x", "$ref", [], [None], {}, {"$ref": "#/nowhere"}, {"$ref": 5}]
)
CIRCLE = {"$ref": "#/components/schemas/Invoice"}


def places(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [above, *(place for key in keys for place in places(value[key], (*above, key)))]


SERVICE, PROVIDER = json.loads(json.dumps(service())), json.loads(json.dumps(provider()))
IN_SERVICE, IN_PROVIDER = places(SERVICE)[1:], places(PROVIDER)[1:]


def broken(document: Any, changes: list[tuple[tuple[Any, ...], Any]]) -> Any:
    document = copy.deepcopy(document)
    for place, junk in changes:
        inner = document
        try:
            for key in place[:-1]:
                inner = inner[key]
            inner[place[-1]] = junk
        except (KeyError, IndexError, TypeError):
            continue  # An earlier change has taken the place away.
    return document


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(IN_SERVICE), JUNK | st.just(CIRCLE)), min_size=1, max_size=4))
def test_a_broken_service_document(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    document = broken(SERVICE, changes)
    place = ServicePlace(provider="acme", service="billing", configs=({"auth": {"type": "aws_x"}}, {}))
    for resource in read_service(document, place):
        assert resource.name and all(m.name and isinstance(m.unsupported, str) for m in resource.methods)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(IN_PROVIDER), JUNK), min_size=1, max_size=4))
def test_a_broken_provider_document(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    found = read_provider(broken(PROVIDER, changes))
    assert isinstance(found.auth, str) and all(isinstance(s.document, str) for s in found.services)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_bytes_that_are_no_document(data: bytes) -> None:
    try:
        assert isinstance(read_yaml(data, "x.yaml"), dict)
    except DocumentError as error:
        assert "x.yaml" in str(error)
