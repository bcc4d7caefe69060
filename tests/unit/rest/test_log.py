from __future__ import annotations

from tablecloud.rest.log import describe_exchange
from tablecloud.rest.messages import Request, Response, TransportFailure

REQUEST = Request(
    http="GET",
    url="https://h/x?key=s3cr3t",
    headers=(("Authorization", "Bearer t0k"), ("Accept", "application/json")),
    method_id="m",
    secrets=("s3cr3t", "t0k"),
)


def test_nothing_secret_is_shown() -> None:
    answer = Response(
        status=200, headers={"set-cookie": "c00kie", "content-type": "application/json"}, body=b"{}"
    )
    text = describe_exchange(REQUEST, answer)
    assert not any(word in text for word in ("s3cr3t", "t0k", "c00kie"))
    assert "GET https://h/x?key=***" in text
    assert "< 200, 2 bytes" in text
    assert "content-type: application/json" in text


def test_a_failure_is_shown() -> None:
    assert "no answer" in describe_exchange(REQUEST, TransportFailure("reset", "broken", sent=True))
