from __future__ import annotations

import json

import pytest
from msgspec import structs
from tests.support.api import ROOT, method, path_parameter, query_parameter, resource

from tablecloud.catalog.model import BodyRules, Location, Parameter, Verb
from tablecloud.errors import InvalidValue, MissingParameter, NotSupported
from tablecloud.rest.messages import Signing
from tablecloud.rest.request import build_request, scalar_text
from tablecloud.sqltypes import SqlType


def build(target, arguments, body=None, root_url=ROOT):
    return build_request(resource(target), target, arguments, body, root_url=root_url)


def test_a_whole_request() -> None:
    target = method(
        "v1/projects/{projectsId}/jobs",
        path_parameter("projectsId"),
        query_parameter("filter"),
        query_parameter("size", wire="page_size"),
        query_parameter("unused"),
    )
    request = build(target, {"projectsId": "a/b", "filter": "x = 'y&z'", "size": 5})
    assert request.url == f"{ROOT}v1/projects/a%2Fb/jobs?filter=x%20%3D%20%27y%26z%27&page_size=5"
    assert request.http == "GET"
    assert request.full_method == "acme.shop.items.list"
    assert request.provider == "acme"
    assert request.repeatable
    assert request.body is None


def test_a_template_may_use_the_wire_name() -> None:
    target = method(
        "v1/{+name}", Parameter(name="jobName", wire="name", location=Location.PATH, required=True)
    )
    assert build(target, {"jobName": "projects/p/jobs/j"}).url == f"{ROOT}v1/projects/p/jobs/j"


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (False, "false"), (5, "5"), (5.0, "5"), (1.5, "1.5"), ("x", "x"), (None, None)],
)
def test_scalars_are_spelled_as_requests_do(value, text) -> None:
    assert scalar_text(value) == text


@pytest.mark.parametrize(
    ("value", "query"),
    [
        ('["a","b c"]', "?tag=a&tag=b%20c"),
        ("a", "?tag=a"),
        ("[not json", "?tag=%5Bnot%20json"),
        ("[1,true]", "?tag=1&tag=true"),
    ],
)
def test_a_repeated_parameter_repeats_its_key(value: str, query: str) -> None:
    target = method("v1/items", query_parameter("tag", repeated=True))
    assert build(target, {"tag": value}).url == f"{ROOT}v1/items{query}"


def test_a_query_in_the_template_is_continued() -> None:
    target = method("?Action=List", query_parameter("Version"))
    assert build(target, {"Version": "1"}).url == f"{ROOT}?Action=List&Version=1"


def test_a_mutation_has_a_body_and_is_not_repeatable() -> None:
    target = structs.replace(method(http="POST"), verb=Verb.INSERT)
    request = build(target, {}, b'{"a":1}')
    assert ("Content-Type", "application/json") in request.headers
    assert request.body == b'{"a":1}'
    assert not request.repeatable
    assert build(method(http="POST"), {}, b"{}").repeatable, "what SELECT calls is a read"


def test_server_variables_take_their_default() -> None:
    region = Parameter(name="region", wire="region", location=Location.SERVER, default="eu")
    target = method("x", region)
    assert build(target, {}, root_url="https://{region}.example.com").url == "https://eu.example.com/x"
    assert (
        build(target, {"region": "us"}, root_url="https://{region}.example.com").url
        == "https://us.example.com/x"
    )


def test_headers_are_sent_by_wire_name_and_cannot_be_split() -> None:
    target = method("x", Parameter(name="agent", wire="X-Agent", location=Location.HEADER, default="d"))
    assert ("X-Agent", "d") in build(target, {}).headers
    assert ("X-Agent", "v") in build(target, {"agent": "v"}).headers
    with pytest.raises(InvalidValue):
        build(target, {"agent": "a\r\nX-Evil: 1"})


def test_a_missing_path_value_is_refused() -> None:
    with pytest.raises(MissingParameter):
        build(method("v1/{id}", path_parameter("id")), {"id": None})


def test_a_key_in_the_query_is_masked_where_it_is_shown() -> None:
    request = build(method("x", query_parameter("key")), {"key": "s3cr3t"})
    assert "s3cr3t" in request.url
    assert "s3cr3t" not in request.shown


def test_a_method_that_cannot_be_called_says_why() -> None:
    with pytest.raises(NotSupported, match="it is a GraphQL query"):
        build(method("v1/items", unsupported="it is a GraphQL query"), {})


def server(name: str, **extra) -> Parameter:
    return Parameter(name=name, wire=name, location=Location.SERVER, **extra)


@pytest.mark.parametrize(
    ("arguments", "root", "url"),
    [
        ({}, "https://{region}.x.test/v1", "https://eu.x.test/v1/items"),
        ({"region": "us-east-1"}, "https://{region}.x.test", "https://us-east-1.x.test/items"),
        ({"region": "https://a.test:8443/base"}, "{region}/v1/", "https://a.test:8443/base/v1/items"),
    ],
)
def test_server_variables(arguments, root: str, url: str) -> None:
    assert build(method("items", server("region", default="eu")), arguments, root_url=root).url == url


@pytest.mark.parametrize("value", ["a/../b?x", "a b", "x#y", "user@host", "https://a.test?x=", ""])
def test_a_server_variable_cannot_be_more_than_an_address(value: str) -> None:
    with pytest.raises(InvalidValue):
        build(method("items", server("host")), {"host": value}, root_url="https://{host}/")


def test_a_server_variable_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    target = method("items", server("org", variable="ACME_ORG"))
    with pytest.raises(MissingParameter):
        build(target, {}, root_url="https://x.test/{org}")
    monkeypatch.setenv("ACME_ORG", "o1")
    assert build(target, {}, root_url="https://x.test/{org}").url == "https://x.test/o1/items"


def test_a_method_has_an_address_of_its_own_unless_an_endpoint_is_configured() -> None:
    target = method("items", root_url="https://other.test/")
    assert build(target, {}).url == "https://other.test/items"
    assert build(target, {}, root_url="http://localhost:1/").url == "http://localhost:1/items"


def test_lists_are_joined_where_the_document_says_so() -> None:
    target = method("items", query_parameter("tag", repeated=True, joined=","))
    assert build(target, {"tag": '["a","b"]'}).url == f"{ROOT}items?tag=a%2Cb"


def test_media_types_and_header_defaults() -> None:
    header = Parameter(name="v", wire="Acme-Version", location=Location.HEADER, default="1")
    kind = Parameter(name="ct", wire="content-type", location=Location.HEADER, default="text/plain")
    target = method(
        "items",
        header,
        kind,
        accept="application/x+json",
        body_rules=BodyRules(media_type="application/y+json"),
    )
    assert build(target, {}).headers == (("Accept", "application/x+json"), ("Acme-Version", "1"))
    assert build(target, {"v": 2, "ct": "z"}, b"{}").headers == (
        ("Accept", "application/x+json"),
        ("Acme-Version", "2"),
        ("content-type", "z"),
    )
    assert ("Content-Type", "application/y+json") in build(target, {}, b"{}").headers


def test_constants_lie_under_the_body() -> None:
    target = method("items", http="POST", body_rules=BodyRules(base='{"a": 1, "b": 2}'))
    assert build(target, {}).body == b'{"a": 1, "b": 2}'
    assert build(target, {}, b'{"b":{"c":3}}').body == b'{"a":1,"b":{"c":3}}'


def test_a_query_in_the_path_is_kept() -> None:
    assert build(method("items?api=2", query_parameter("x")), {"x": 1}).url == f"{ROOT}items?api=2&x=1"


def test_the_region_of_the_address_is_the_signatures() -> None:
    region = Parameter(name="region", wire="region", location=Location.SERVER, default="us-east-1")
    target = method("v1/items", region)
    aws = structs.replace(resource(target), signing_service="ec2")
    root = "https://ec2.{region}.example.com/"
    for arguments, name in (({"region": "eu-west-1"}, "eu-west-1"), ({}, "us-east-1")):
        request = build_request(aws, target, arguments, None, root_url=root)
        assert request.signing == Signing(service="ec2", region=name)
        assert request.url == f"https://ec2.{name}.example.com/v1/items"
    assert build(target, {}, root_url=ROOT).signing is None


def body_parameter(name: str, **extra: object) -> Parameter:
    return Parameter(name=name, wire=name, location=Location.BODY, **extra)


QUERY = method(
    "v2/entries:list",
    body_parameter("resourceNames", repeated=True, required=True),
    body_parameter("filter"),
    body_parameter("pageSize", type=SqlType.BIGINT),
    body_parameter("quick", type=SqlType.BOOLEAN),
    http="POST",
)


def test_the_parameters_of_a_query_by_post_are_its_body() -> None:
    request = build(QUERY, {"resourceNames": "projects/p", "filter": 'a="1"', "pageSize": 5, "quick": True})
    assert json.loads(request.body) == {
        "resourceNames": ["projects/p"],
        "filter": 'a="1"',
        "pageSize": 5,
        "quick": True,
    }
    assert ("Content-Type", "application/json") in request.headers
    assert request.repeatable
    several = build(QUERY, {"resourceNames": '["projects/p","projects/q"]'})
    assert json.loads(several.body) == {"resourceNames": ["projects/p", "projects/q"]}


def test_a_number_in_a_body_is_one() -> None:
    with pytest.raises(InvalidValue, match="pageSize"):
        build(QUERY, {"resourceNames": "p", "pageSize": "many"})
