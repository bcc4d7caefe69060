"""Statements on a package whose documents prescribe transforms: a session, loopback HTTP, answers in XML."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from tests.support.http_server import HttpServer, Reply, Seen
from tests.support.registry_documents import (
    TEXT,
    archive,
    method,
    operation,
    parameter,
    provider,
    record,
    ref,
    resource,
    service,
)

from tablecloud.auth.spec import AuthSpec
from tablecloud.catalog.readers.templates import is_known
from tablecloud.errors import RemoteUnavailable, TransformError
from tablecloud.rest.retry import RetryPolicy
from tablecloud.rest.transform.response import _INPUTS, SCHEMA_XML, knows_transform
from tablecloud.session import Runtime, RuntimeSettings, Session

VERSION = "v26.01.00001"
LIST, DELETE = "/?Action=DescribeVolumes&Version=1", "/?Action=DeleteVolume&Version=1"
AWS = {
    "queryParamTranspose": {"algorithm": "AWSCanonical"},
    "requestTranslate": {"algorithm": "get_query_to_post_form_utf_8"},
}
PAGING = {
    "requestToken": {"key": "NextToken", "location": "query"},
    "responseToken": {"key": "NextToken", "location": "body"},
}
FILTERS = {"name": "Filters", "in": "query", "schema": {"type": "array", "items": {"type": "object"}}}
SCHEMAS = {
    "Volume": record(
        volumeId=TEXT,
        size={"type": "integer"},
        Tags={"type": "array", "items": TEXT, "xml": {"name": "tagSet"}},
    ),
    "Volumes": record(line_items={"type": "array", "items": ref("Volume")}),
    "Settings": record(Place=TEXT, Rules={"type": "array", "items": TEXT, "xml": {"name": "Rule"}}),
    "Codes": record(rows={"type": "array", "items": record(code=TEXT)}),
}


def transformed(kind: str, body: str, key: str, schema: str) -> dict[str, Any]:
    transform = {"type": kind, "body": body} if body else {"type": kind}
    return {
        "mediaType": "application/xml",
        "overrideMediaType": "application/json",
        "objectKey": key,
        "schema_override": ref(schema),
        "transform": transform,
    }


CODES = (
    '{"rows": [{{ range $i, $x := index . "codes" }}{{ if $i }},{{ end }}{"code": {{ toJson $x }}}{{ end }}]}'
)
RESOURCES = {
    "volumes": resource(
        "volumes",
        {
            "describe": method(
                LIST,
                "get",
                config={**AWS, "pagination": PAGING},
                response=transformed(SCHEMA_XML, "", "$.line_items", "Volumes"),
            ),
            "delete": method(DELETE, "get", config=AWS),
        },
        select=["describe"],
        delete=["delete"],
    ),
    "buckets": resource(
        "buckets",
        {
            "create": method(
                "/buckets/{name}",
                "put",
                config={"requestBodyTranslate": {"algorithm": "naive"}},
                request={"mediaType": "application/xml"},
            )
        },
        insert=["create"],
    ),
    "codes": resource(
        "codes",
        {
            "list": method(
                "/codes",
                "get",
                response=transformed("golang_template_json_v0.3.0", CODES, "$.rows", "Codes"),
            )
        },
        select=["list"],
    ),
}
PATHS = {
    LIST: {"get": operation(ref("Volumes"), FILTERS, parameter("NextToken", "query"))},
    DELETE: {"get": operation(ref("Volume"), parameter("VolumeId", "query", required=True))},
    "/codes": {"get": operation(ref("Codes"))},
    "/buckets/{name}": {
        "put": {
            "parameters": [parameter("name", "path", required=True)],
            "requestBody": {"content": {"application/xml": {"schema": record(Settings=ref("Settings"))}}},
            "responses": {"200": {"description": "made"}},
        }
    },
}


def volume(number: int) -> str:
    return f"<item><volumeId>v-{number}</volumeId><size>{number}</size><tagSet><item>t</item></tagSet></item>"


def respond(seen: Seen) -> Reply:
    if seen.path == "/codes":
        return Reply(body=b'{"codes": ["a", "<b>"]}')
    form = dict(parse_qsl(seen.body.decode()))
    if form.get("Action") == "DeleteVolume":
        return Reply(body=b"<DeleteVolumeResponse/>")
    more = "" if "NextToken" in form else "<nextToken/><NextToken>p2</NextToken>"
    items = volume(3) if "NextToken" in form else volume(1) + volume(2)
    return Reply(
        body=f"<R xmlns='u'><requestId>1</requestId><volumeSet>{items}</volumeSet>{more}</R>".encode()
    )


@contextmanager
def opened(tmp_path: Path, answer: Any = respond) -> Iterator[tuple[Session, HttpServer]]:
    document = service(
        info={"title": "billing", "x-protocol": "query"},
        paths=PATHS,
        components={"schemas": SCHEMAS, "x-stackQL-resources": RESOURCES},
    )
    files = {f"{VERSION}/provider.yaml": provider(), f"{VERSION}/services/billing.yaml": document}
    dist = tmp_path / "registry" / "dist"
    (dist / "acme").mkdir(parents=True)
    (dist / "providers.yaml").write_text(json.dumps({"providers": {"acme": {"versions": [VERSION]}}}))
    (dist / "acme" / f"{VERSION}.tgz").write_bytes(
        archive({VERSION: None, **{name: json.dumps(content).encode() for name, content in files.items()}})
    )
    with HttpServer(answer) as server:
        settings = RuntimeSettings(
            approot=tmp_path / "root",
            endpoints={"acme.billing": server.url},
            retry=RetryPolicy(tries=3, first_delay=0.0),
            registry=f"file://{tmp_path / 'registry'}",
            auth={"acme": AuthSpec(type="null_auth")},
        )
        with Session(Runtime(settings), owns_runtime=True) as session:
            session.execute("REGISTRY PULL acme")
            yield session, server


def rows(session: Session, sql: str) -> list[tuple[object, ...]]:
    return session.execute(sql).fetchall()


def forms(server: HttpServer) -> list[dict[str, str]]:
    return [dict(parse_qsl(seen.body.decode())) for seen in server.seen]


def test_xml_pages_are_rows_and_queries_go_as_forms(tmp_path: Path) -> None:
    filters = '[{"Name":"size","Value":["1","2"]}]'
    with opened(tmp_path) as (session, server):
        columns = '"volumeId", size + 1, "Tags"'
        found = rows(session, f"SELECT {columns} FROM acme.billing.volumes WHERE \"Filters\" = '{filters}'")
    assert sorted(found) == [(f"v-{n}", n + 1, '{"item":"t"}') for n in (1, 2, 3)]
    first = {
        "Action": "DescribeVolumes",
        "Version": "1",
        "Filters.1.Name": "size",
        "Filters.1.Value.1": "1",
        "Filters.1.Value.2": "2",
    }
    assert forms(server) == [first, {**first, "NextToken": "p2"}]
    for seen in server.seen:
        assert (seen.http, seen.target) == ("POST", "/")
        assert seen.headers["content-type"] == "application/x-www-form-urlencoded; charset=utf-8"


def test_a_write_goes_as_a_form_too_and_is_not_repeated(tmp_path: Path) -> None:
    def refuse(seen: Seen) -> Reply:
        return Reply(status=503)

    with opened(tmp_path, refuse) as (session, server):
        with pytest.raises(RemoteUnavailable):
            session.execute("DELETE FROM acme.billing.volumes WHERE \"VolumeId\" = 'v-1'")
        assert forms(server) == [{"Action": "DeleteVolume", "Version": "1", "VolumeId": "v-1"}]


def test_a_dry_run_shows_the_form(tmp_path: Path) -> None:
    with opened(tmp_path) as (session, server):
        session.dry_run = True
        ((request, body),) = rows(session, "SELECT size FROM acme.billing.volumes")
        assert str(request).startswith("POST ") and body == "Action=DescribeVolumes&Version=1"
        assert not server.seen


def test_a_template_makes_the_rows(tmp_path: Path) -> None:
    with opened(tmp_path) as (session, _):
        assert rows(session, "SELECT code FROM acme.billing.codes") == [("a",), ("<b>",)]


def test_a_body_goes_as_xml(tmp_path: Path) -> None:
    settings = '{"Place": "a&b", "Rules": ["x", "y"]}'
    with opened(tmp_path) as (session, server):
        session.execute(f"INSERT INTO acme.billing.buckets (name, \"Settings\") SELECT 'b', '{settings}'")
        session.execute("INSERT INTO acme.billing.buckets (name) SELECT 'c'")
    seen, bare = server.seen
    assert bare.body == b"" and "content-type" not in bare.headers
    assert seen.body == b"<Settings><Place>a&amp;b</Place><Rule>x</Rule><Rule>y</Rule></Settings>"
    assert (seen.http, seen.headers["content-type"]) == ("PUT", "application/xml")


@pytest.mark.parametrize("body", [b"no xml", b"<a>", b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'])
def test_an_answer_that_a_transform_cannot_read_is_an_error(tmp_path: Path, body: bytes) -> None:
    with opened(tmp_path, lambda seen: Reply(body=body)) as (session, _), pytest.raises(TransformError):
        rows(session, "SELECT size FROM acme.billing.volumes")


def test_the_catalog_and_the_engine_know_the_same_types() -> None:
    assert all(map(is_known, [*_INPUTS, SCHEMA_XML]))
    for kind in ("golang_template_json_v0.2.0", "golang_template_mxj_v0.4.0", "schema_driven_xml_v0.2.0", ""):
        assert is_known(kind) == knows_transform(kind)
