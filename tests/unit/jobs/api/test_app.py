"""The ASGI shell: bodies in pieces, too long, cut off; other protocols."""

import asyncio

import msgspec
from api_bench import TOKEN, TRAINING

from tablecloud.jobs.api.app import MAX_BODY, create_app

HEADERS = [(b"authorization", f"Bearer {TOKEN}".encode())]


def exchange(bench, messages, **scope):
    """Run one ASGI exchange; return what was sent."""
    sent = []
    waiting = iter(messages)

    async def receive():
        return next(waiting)

    async def send(message):
        sent.append(message)

    whole = {
        "type": "http",
        "method": "POST",
        "path": "/v1/projects/demo/jobs",
        "query_string": b"",
        "headers": HEADERS,
        "raw_path": b"/v1/projects/demo/jobs",
        **scope,
    }
    asyncio.run(create_app(bench.service, principals=bench.api.principals)(whole, receive, send))
    return sent


def piece(body, more=False):
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_in_pieces(bench):
    body = msgspec.json.encode({"jobId": "a", "trainingInput": TRAINING})
    start, end = exchange(bench, [piece(body[:10], True), piece(body[10:])])
    assert start["status"] == 200
    assert msgspec.json.decode(end["body"])["jobId"] == "a"
    headers = dict(start["headers"])
    assert headers[b"content-type"] == b"application/json; charset=UTF-8"
    assert int(headers[b"content-length"]) == len(end["body"])


def test_a_body_that_is_too_long(bench):
    start, end = exchange(bench, [piece(b" " * (MAX_BODY // 2), True)] * 3)
    assert start["status"] == 400
    assert b"payload size exceeds the limit" in end["body"]


def test_half_a_body_creates_nothing(bench):
    body = msgspec.json.encode({"jobId": "a", "trainingInput": TRAINING})
    assert exchange(bench, [piece(body, True), {"type": "http.disconnect"}]) == []
    assert bench.service.get("demo", "a") is None


def test_websockets_are_closed(bench):
    assert exchange(bench, [], type="websocket") == [{"type": "websocket.close"}]
