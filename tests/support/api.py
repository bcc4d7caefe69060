"""A small service of the catalog, for tests that make calls."""

from __future__ import annotations

from typing import Any

from tablecloud.catalog.model import Form, Location, Method, Pagination, Parameter, Resource, Verb

ROOT = "https://shop.example.com/"


def path_parameter(name: str, **extra: Any) -> Parameter:
    return Parameter(name=name, wire=name, location=Location.PATH, required=True, **extra)


def query_parameter(name: str, **extra: Any) -> Parameter:
    return Parameter(name=name, wire=extra.pop("wire", name), location=Location.QUERY, **extra)


def method(path: str = "v1/items", *parameters: Parameter, http: str = "GET", **extra: Any) -> Method:
    return Method(
        name="list",
        id="shop.items.list",
        verb=Verb.SELECT,
        http=http,
        path=path,
        parameters=parameters,
        **extra,
    )


def resource(*methods: Method, root_url: str = ROOT) -> Resource:
    return Resource(
        provider="acme", service="shop", name="items", form=Form.TABLE, methods=methods, root_url=root_url
    )


TOKEN_PAGING = Pagination(request="pageToken", response=("nextPageToken",), page_size="maxResults")
LIST = method("v1/items", query_parameter("pageToken"), query_parameter("color"), pagination=TOKEN_PAGING)
