from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.api import LIST, ROOT, method, resource
from tests.support.conversations import answer, drive

from tablecloud.catalog.model import Location, Parameter
from tablecloud.errors import RemoteNotFound, RemoteRefused, RemoteUnavailable
from tablecloud.rest.paginate import find_token, read_pages
from tablecloud.rest.retry import RetryPolicy

PATH = ("nextPageToken",)


def pages(arguments=None, target=LIST):
    return read_pages(resource(target), target, arguments or {}, root_url=ROOT, policy=RetryPolicy())


def test_pages_follow_the_token_to_its_end() -> None:
    told = drive(pages({"color": "red"}), [answer(b'{"nextPageToken":"a b"}'), answer(b'{"items":[]}')])
    assert [r.url for r in told.sent] == [
        f"{ROOT}v1/items?color=red",
        f"{ROOT}v1/items?color=red&pageToken=a%20b",
    ]
    assert [p.number for p in told.pages] == [1, 2]
    assert told.pages[1].arguments == {"color": "red"}
    assert told.error is None


def test_a_list_without_paging_is_one_page() -> None:
    assert len(drive(pages(target=method()), [answer(b'{"nextPageToken":"a"}')]).pages) == 1


def test_a_token_given_by_the_user_asks_for_that_page_alone() -> None:
    told = drive(pages({"pageToken": "x"}), [answer(b'{"nextPageToken":"y"}')])
    assert len(told.pages) == 1 and told.error is None


def test_a_repeated_token_is_an_error_after_its_pages() -> None:
    told = drive(
        pages(),
        [
            answer(b'{"nextPageToken":"a"}'),
            answer(b'{"nextPageToken":"b"}'),
            answer(b'{"nextPageToken":"a"}'),
        ],
    )
    assert len(told.pages) == 3
    assert isinstance(told.error, RemoteRefused)


def test_a_failure_on_a_later_page_keeps_the_pages_before() -> None:
    told = drive(pages(), [answer(b'{"nextPageToken":"a"}'), answer(status=404)])
    assert len(told.pages) == 1
    assert isinstance(told.error, RemoteNotFound)


def test_an_unreadable_page_is_an_error() -> None:
    told = drive(pages(), [answer(b'{"nextPageToken":')])
    assert isinstance(told.error, RemoteUnavailable)


@pytest.mark.parametrize(
    ("body", "token"),
    [
        (b'{"items":[1],"nextPageToken":"t"}', "t"),
        (b'{"items":[1],\n "nextPageToken" : "t"\n}\n', "t"),
        (b'{"nextPageToken":"t","items":[1]}', "t"),
        (b'{"items":[{"nextPageToken":"inner"}]}', ""),
        (b'{"items":{"nextPageToken":"inner"}}', ""),
        (b'{"items":[{"nextPageToken":"inner"}],"nextPageToken":"t"}', "t"),
        (b'{"a":"x,\\"nextPageToken\\":\\"t\\"}"}', ""),
        (b'{"nextPageToken":"\\u0041\\"b"}', 'A"b'),
        (b'{"nextPageToken":""}', ""),
        (b'{"nextPageToken":null}', ""),
        (b'{"nextPageToken":5,"a":1}', "5"),
        (b'{"a":1,"nextPageToken":"t","b":2}', "t"),
        (b"[]", ""),
        (b"", ""),
    ],
)
def test_tokens(body: bytes, token: str) -> None:
    assert find_token(body, PATH) == token


def test_a_token_below_an_object() -> None:
    assert find_token(b'{"meta":{"next":"t"}}', ("meta", "next")) == "t"
    assert find_token(b'{"next":"no"}', ("meta", "next")) == ""


key = st.sampled_from(["nextPageToken", "a", 'x"nextPageToken', ',"nextPageToken":"z"}'])
value = st.recursive(
    st.sampled_from(["t", "", "\\", '"nextPageToken":"q"}', ',"nextPageToken":"q"}', "ü"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(key, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(key, value, max_size=4), st.booleans())
def test_the_short_cut_finds_what_a_full_decoder_finds(document: dict, spaced: bool) -> None:
    body = json.dumps(document, indent=2 if spaced else None).encode()
    expected = document.get("nextPageToken", "")
    try:
        found = find_token(body, PATH)
    except msgspec.ValidationError:
        assert not isinstance(expected, str)
        return
    assert found == (expected if isinstance(expected, str) else "")


def test_a_query_by_post_takes_the_token_in_its_body() -> None:
    asked = (
        Parameter(name="filter", wire="filter", location=Location.BODY),
        Parameter(name="pageToken", wire="pageToken", location=Location.BODY),
    )
    query = method("v2/entries:list", *asked, http="POST", pagination=LIST.pagination)
    seen = drive(
        pages({"filter": "x"}, query), [answer(b'{"nextPageToken":"t\\"1"}'), answer(b'{"entries":[]}')]
    )
    assert [json.loads(request.body) for request in seen.sent] == [
        {"filter": "x"},
        {"filter": "x", "pageToken": 't"1'},
    ]
    assert {request.url for request in seen.sent} == {f"{ROOT}v2/entries:list"}
    alone = drive(pages({"pageToken": "t"}, query), [answer(b'{"nextPageToken":"u"}')])
    assert len(alone.sent) == 1
