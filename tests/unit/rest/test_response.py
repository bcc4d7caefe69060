from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tablecloud.errors import (
    RemoteDenied,
    RemoteError,
    RemoteNotFound,
    RemoteRefused,
    RemoteThrottled,
    RemoteUnavailable,
)
from tablecloud.rest.messages import Request, Response, TransportFailure
from tablecloud.rest.response import read_error, read_failure, retry_after

REQUEST = Request(
    http="GET", url="https://h/v1/x", method_id="shop.items.get", provider="acme", secrets=("s3cr3t",)
)


def read(status: int, body: object = b"", **headers: str) -> RemoteError:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_error(Response(status=status, headers=headers, body=data), REQUEST)


def test_googles_envelope() -> None:
    error = read(404, {"error": {"code": 404, "status": "NOT_FOUND", "message": "The job is not there."}})
    assert type(error) is RemoteNotFound
    assert error.message == "acme.shop.items.get answered 404 NOT_FOUND: The job is not there."
    assert (error.status, error.code, error.method) == (404, "NOT_FOUND", "acme.shop.items.get")
    assert error.call == "GET https://h/v1/x"
    assert error.hint


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, RemoteRefused),
        (400, RemoteRefused),
        (401, RemoteDenied),
        (403, RemoteDenied),
        (410, RemoteNotFound),
        (429, RemoteThrottled),
        (408, RemoteUnavailable),
        (500, RemoteUnavailable),
    ],
)
def test_a_status_is_a_class(status: int, kind: type[RemoteError]) -> None:
    assert type(read(status)) is kind


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [
        (b"<Error><Code>NoSuchKey</Code><Message>It is gone.</Message></Error>", "NoSuchKey", "It is gone."),
        ({"__type": "com.amazon#ValidationException", "message": "bad"}, "ValidationException", "bad"),
        ({"error": "invalid_grant", "error_description": "expired"}, "invalid_grant", "expired"),
        ({"message": "Not Found"}, "", "Not Found"),
        ({"errors": [{"message": "first"}, {"message": "second"}]}, "", "first"),
        ([{"error": {"message": "in a list", "status": "X"}}], "X", "in a list"),
        (b"<html><head><title>t</title></head><body><h1>Bad\n Gateway</h1></body></html>", "", "Bad Gateway"),
        (b"\xff\xfe plain", "", "plain"),
    ],
)
def test_other_shapes(body: object, code: str, text: str) -> None:
    error = read(400, body)
    assert error.code == code
    assert error.message.endswith(text)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, {"error": {"code": 403, "message": "slow", "errors": [{"reason": "rateLimitExceeded"}]}}),
        (400, {"__type": "ThrottlingException", "message": "Rate exceeded"}),
    ],
)
def test_quota_answers_in_another_dress(status: int, body: object) -> None:
    assert type(read(status, body)) is RemoteThrottled


def test_long_texts_are_clipped_and_secrets_masked() -> None:
    error = read(400, b"key=s3cr3t " + b"x" * 5000)
    assert "s3cr3t" not in error.message
    assert len(error.message) < 400


def test_secrets_of_the_signed_request_are_masked_too() -> None:
    answer = Response(status=400, headers={}, body=b'{"error":{"message":"bad key AIza"}}', secrets=("AIza",))
    assert "AIza" not in read_error(answer, REQUEST).message


@given(st.binary(max_size=300), st.integers(300, 599))
def test_any_body_makes_an_error(body: bytes, status: int) -> None:
    assert read(status, body).status == status


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "errors", "message", "code", "details", "status"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_json_makes_an_error(document: object) -> None:
    assert isinstance(read(403, document), RemoteError)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7", 7.0),
        ("1.5", 1.5),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90.0),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0.0),
        ("soon", None),
        ("-3", None),
        ("", None),
    ],
)
def test_retry_after(text: str, expected: float | None) -> None:
    assert retry_after({"retry-after": text}, now=10.0) == expected


def test_a_lost_mutation_is_told_apart() -> None:
    request = Request(http="POST", url="https://h/x", method_id="m", provider="p", repeatable=False)
    lost = read_failure(TransportFailure("reset", "gone", sent=True), request)
    unsent = read_failure(TransportFailure("connect", "refused", sent=False), request)
    assert lost.sent and "may have been carried out" in lost.hint
    assert not unsent.sent and "service is up" in unsent.hint
