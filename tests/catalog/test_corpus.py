"""Every bundled Google document through the catalog: nothing here is about one service."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tablecloud.catalog.catalog import Catalog
from tablecloud.catalog.compile import compile_service
from tablecloud.catalog.model import Form, Location, Method, Resource, ServiceEntry, Verb
from tablecloud.catalog.readers.document import decode_document, walk_resources
from tablecloud.catalog.sources import google_source

pytestmark = pytest.mark.corpus


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.open(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def services(catalog: Catalog) -> dict[str, tuple[ServiceEntry, list[Resource]]]:
    source = google_source()
    return {e.name: (e, compile_service(source, e)) for e in catalog.services("google")}


Services = dict[str, tuple[ServiceEntry, list[Resource]]]


def methods(services: Services) -> Iterator[tuple[ServiceEntry, Resource, Method]]:
    for entry, resources in services.values():
        for resource in resources:
            for method in resource.methods:
                yield entry, resource, method


def test_every_document_is_a_service(services: Services) -> None:
    assert len(services) > 500
    assert len({e.document for e, _ in services.values()}) == len(services)
    assert {services[name][0].version for name in ("ml", "compute")} == {"v1"}
    assert not [name for name in services if not re.fullmatch(r"\w+", name)]


def test_no_two_tables_have_one_name(services: Services) -> None:
    for name, (_, resources) in services.items():
        spelled = [r.name.lower() for r in resources]
        assert len(set(spelled)) == len(spelled), name


def test_every_resource_of_every_document_is_reached_in_both_forms(services: Services) -> None:
    for entry, resources in services.values():
        document = decode_document(Path(entry.document).read_bytes(), entry.document)
        by_name = {r.name: r for r in resources}
        shown = {m.id for r in resources if r.form is Form.TABLE for m in r.methods}
        for path, declared in walk_resources(document):
            page = by_name[".".join(path)]
            assert {m.id for m in declared.values()} <= {m.id for m in page.methods}
            assert {m.id for m in declared.values()} <= shown
            if page.form is Form.PAGE:
                assert by_name[page.twin].form is Form.TABLE
                assert {m.id for m in page.methods} <= {m.id for m in by_name[page.twin].methods}


def test_what_is_listed_is_what_is_compiled(catalog: Catalog, services: Services) -> None:
    for name, (_, resources) in services.items():
        listed = {e.name: e.form for e in catalog.resources("google", name)}
        assert listed == {r.name: r.form for r in resources}


def test_every_variable_of_a_path_is_a_parameter_and_no_name_is_there_twice(services: Services) -> None:
    for _, _, method in methods(services):
        in_path = re.findall(r"\{\+?([\w.-]+)\}", method.path)
        assert method.path.count("{") == len(in_path), method.id
        wires = [p.wire for p in method.parameters if p.location is Location.PATH]
        assert wires == list(dict.fromkeys(in_path)), method.id
        names = [p.name.lower() for p in method.parameters]
        assert len(set(names)) == len(names), method.id
        assert all(p.required for p in method.parameters if p.location is Location.PATH), method.id


def test_select_only_reads_and_has_columns(services: Services) -> None:
    for _, resource, method in methods(services):
        if method.verb is Verb.SELECT:
            assert method.http == "GET" or method.is_query, method.id
            assert method.columns, method.id
            names = [c.name for c in method.columns]
            assert len(set(names)) == len(names), method.id
            if method.name == "get":
                assert method.items == (), method.id
            if method.name == "aggregatedList" and resource.form is Form.TABLE:
                assert method.items[:2] == ("items", "*"), method.id


def test_methods_of_one_name_in_one_table_differ_by_their_parameters(services: Services) -> None:
    for _, resource, method in methods(services):
        same = [m for m in resource.methods if m.name == method.name]
        assert len({m.path for m in same}) == len(same), resource.id


@cache
def schemas(document: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(document).read_bytes()).get("schemas", {})
    return found


def follows(document: str, schema: str, path: tuple[str, ...]) -> bool:
    """Walk a path through the document's own JSON, by other code than the reader's."""
    node: Any = {"$ref": schema}
    for key in path:
        while "$ref" in node:
            node = schemas(document)[node["$ref"]]
        if key == "*":
            node = node.get("additionalProperties")
        elif key.isdigit():
            node = node.get("items")
        else:
            node = node.get("properties", {}).get(key)
        if node is None:
            return False
    return True


def test_rules_of_paging_and_waiting_name_what_the_schema_has(services: Services) -> None:
    for entry, _, method in methods(services):
        paths = [method.items] if method.items else []
        if method.pagination is not None:
            paths.append(method.pagination.response)
            wires = {p.wire for p in method.parameters}
            assert method.pagination.request in wires, method.id
            assert method.pagination.page_size in wires | {""}, method.id
        # An overlay's rule speaks of the polled resource, not of the response.
        if method.long_running is not None and not method.id.startswith("ml.projects.jobs."):
            rule = method.long_running
            paths += [a.path for a in rule.acceptors] + [rule.progress, rule.message, rule.result]
            paths += [tuple(re.findall(r"\{\+?(\w+)\}", template)) for template in (rule.poll, rule.follow)]
            assert method.http != "GET", method.id
        for path in paths:
            assert follows(entry.document, method.response, path), (method.id, path)


def test_the_jobs_overlay_names_what_the_job_has(services: Services) -> None:
    entry, resources = services["ml"]
    (jobs,) = (r for r in resources if r.name == "jobs")
    for method in jobs.methods:
        if method.long_running is not None:
            rule = method.long_running
            for path in [a.path for a in rule.acceptors] + [rule.progress, rule.message]:
                assert follows(entry.document, "GoogleCloudMlV1__Job", path), path
            states = {value for a in rule.acceptors for value in a.values}
            assert states == {"SUCCEEDED", "FAILED", "CANCELLED"}
        if method.remote_filter is not None:
            assert method.remote_filter.parameter in {p.wire for p in method.parameters}
            assert set(method.remote_filter.columns) <= {c.name for c in method.columns}
    assert {m.name for m in jobs.methods if m.long_running} == {"create", "cancel"}
    assert {m.name for m in jobs.methods if m.identity} == {"get", "list"}
