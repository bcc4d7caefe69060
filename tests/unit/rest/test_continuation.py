from __future__ import annotations

import json

import pytest
from tests.support.api import ROOT, method, query_parameter, resource
from tests.support.conversations import answer, drive

from tablecloud.catalog.model import Follow, Pagination
from tablecloud.errors import RemoteRefused
from tablecloud.rest.continuation import continuation, next_link, set_query
from tablecloud.rest.messages import Request
from tablecloud.rest.paginate import read_pages
from tablecloud.rest.retry import RetryPolicy

URL = f"{ROOT}v1/items"
FIRST = Request(http="GET", url=f"{URL}?size=2&page=1")
GUESS = Pagination(request="pageToken", response=("nextPageToken",), follow=Follow.GUESS)
LINK = Pagination(request="", response=("Link",), header=True, follow=Follow.URL)
IN_BODY = Pagination(request="NextToken", response=("NextToken",), follow=Follow.BODY)
NUMBER = Pagination(request="page", response=("page",), total=("pages",), follow=Follow.NUMBER)
ODATA = Pagination(request="", response=("links", "next"), follow=Follow.URL)


def after(paging: Pagination, body: object = None, first: Request = FIRST, **headers: str) -> Request | None:
    found = continuation(first, answer(json.dumps(body).encode() if body else b"", **headers), paging)
    return None if found is None else found.request


def test_a_query_parameter_is_set_once_and_encoded() -> None:
    assert set_query(FIRST, "page", "a b/c").url == f"{URL}?size=2&page=a%20b%2Fc"
    assert set_query(Request(http="GET", url=URL), "$skip", "5").url == f"{URL}?%24skip=5"


def test_a_token_goes_into_the_body_with_its_type() -> None:
    first = Request(http="POST", url=URL, body=b'{"a":1,"NextToken":"old"}')
    found = after(IN_BODY, {"NextToken": {"id": {"N": "5"}}}, first)
    assert found is not None and json.loads(found.body or b"") == {"a": 1, "NextToken": {"id": {"N": "5"}}}
    without = after(IN_BODY, {"NextToken": 12345678901234567890}, Request(http="POST", url=URL))
    assert without is not None and without.body == b'{"NextToken":12345678901234567890}'


@pytest.mark.parametrize("end", [None, "", "<nil>", [], {}, False, [""]])
def test_every_spelling_of_no_more(end: object) -> None:
    assert after(IN_BODY, {"NextToken": end}) is None
    assert after(ODATA, {"links": {"next": end}}) is None


def test_page_numbers_count_up_to_the_last() -> None:
    found = after(NUMBER, {"page": 1, "pages": 3})
    assert found is not None and found.url == f"{URL}?size=2&page=2"
    assert after(NUMBER, {"page": 3, "pages": 3}) is None
    assert after(NUMBER, {"page": "1", "pages": 3}) is None


@pytest.mark.parametrize(
    ("header", "address"),
    [
        (f'<{URL}?after=1>; rel="self", <{URL}?after=2>; rel="next"', f"{URL}?after=2"),
        ("<https://a.test/?x=1,2>; rel=next", "https://a.test/?x=1,2"),
        ('<https://a.test/p>; title="a"; rel="next"', "https://a.test/p"),
        ('<https://a.test/p>; rel="prev"', ""),
        ('<https://a.test/p>; rel="next-archive"', ""),
        ("", ""),
    ],
)
def test_the_next_of_a_link_header(header: str, address: str) -> None:
    assert next_link(header) == address


@pytest.mark.parametrize(
    ("body", "headers", "url"),
    [
        ({"nextLink": f"{URL}?skip=1"}, {}, f"{URL}?skip=1"),
        ({"@odata.nextLink": f"{URL}?skip=2"}, {}, f"{URL}?skip=2"),
        ({"nextPageToken": "t"}, {}, f"{URL}?size=2&page=1&pageToken=t"),
        ([1], {"link": f"<{URL}?p=3>; rel=next"}, f"{URL}?p=3"),
        ({"nextLink": "not an address", "nextPageToken": ""}, {}, None),
        ({"text": '"nextLink"'}, {}, None),
        ([{"nextLink": f"{URL}?skip=1"}], {}, None),
    ],
)
def test_where_the_document_says_nothing_a_next_link_is_followed(body, headers, url) -> None:
    found = after(GUESS, body, **headers)
    assert (found.url if found else None) == url


def test_a_link_is_followed_on_its_own_server_alone() -> None:
    found = after(ODATA, {"links": {"next": "/v1/items?skip=9"}})
    assert found is not None and found.url == f"{URL}?skip=9"
    plain = after(LINK, link="<http://shop.example.com/v1/items?p=2>; rel=next")
    assert plain is not None and plain.url == f"{URL}?p=2", "never down to http"
    for evil in (
        "https://evil.example/x",
        "//evil.example/x",
        "https://shop.example.com:8443/x",
        "ftp://shop.example.com/",
    ):
        with pytest.raises(RemoteRefused, match="next page is on"):
            after(ODATA, {"links": {"next": evil}})


def test_pages_are_read_through_links_to_the_end() -> None:
    target = method("v1/items", query_parameter("size"), pagination=GUESS)
    pages = [{"nextLink": f"{URL}?skip=1"}, {"nextLink": f"{URL}?skip=2"}, {"value": []}]
    told = drive(
        read_pages(resource(target), target, {"size": 2}, root_url=ROOT, policy=RetryPolicy()),
        [answer(json.dumps(page).encode()) for page in pages],
    )
    assert [r.url for r in told.sent] == [f"{URL}?size=2", f"{URL}?skip=1", f"{URL}?skip=2"]
    assert told.error is None and len(told.pages) == 3


def test_a_link_that_leads_back_ends_with_an_error() -> None:
    target = method("v1/items", pagination=GUESS)
    page = answer(json.dumps({"nextLink": f"{URL}?skip=1"}).encode())
    told = drive(read_pages(resource(target), target, {}, root_url=ROOT, policy=RetryPolicy()), [page, page])
    assert isinstance(told.error, RemoteRefused) and len(told.pages) == 2
