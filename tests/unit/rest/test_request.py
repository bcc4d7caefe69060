from __future__ import annotations

import pytest
from msgspec import structs
from tests.support.api import ROOT, method, path_parameter, query_parameter, resource

from tablecloud.catalog.model import Location, Parameter
from tablecloud.errors import InvalidValue, MissingParameter
from tablecloud.rest.messages import Signing
from tablecloud.rest.request import build_request, scalar_text


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
    request = build(method(http="POST"), {}, b'{"a":1}')
    assert ("Content-Type", "application/json") in request.headers
    assert request.body == b'{"a":1}'
    assert not request.repeatable


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
