"""A loopback HTTP/1.1 server for tests and benchmarks: latency, 429, 5xx, reset, slow body, paging.

In a test: `with HttpServer(respond) as server:`, where `respond(Seen) -> Reply`; `server.seen` lists them.
As a program: `python http_server.py --port 0` prints its address and serves `respond_by_query`, with switches
in the query: `/items?size=10&pages=3&delay=0.05`, `/status?code=503&times=2&retry_after=1`, `/reset`,
`/slow`.
Standard library only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

_REASONS = {
    200: "OK",
    204: "No Content",
    302: "Found",
    404: "Not Found",
    429: "Too Many Requests",
    503: "Unavailable",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request as it came."""

    http: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int
    """Number of the connection it came on, from 1."""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        pairs = parse_qs(urlsplit(self.target).query, keep_blank_values=True)
        return {key: values[-1] for key, values in pairs.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What to answer, and how."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Seconds before the first byte."""
    reset: bool = False
    """Break the connection instead of answering."""
    cut: bool = False
    """Break the connection in the middle of the body."""
    stall: bool = False
    """Send half of the body, then nothing until the client gives up."""
    close: bool = False
    """Close the connection after the answer without saying so before."""


def json_reply(document: Any, **switches: Any) -> Reply:
    return Reply(body=json.dumps(document).encode(), **switches)


Respond = Callable[[Seen], Reply]


class HttpServer:
    """The server, on a thread of its own."""

    def __init__(self, respond: Respond, *, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.respond = respond
        self.seen: list[Seen] = []
        self.connections = 0
        self.in_flight = 0
        self.most_in_flight = 0
        self._tls = tls
        self._port = port
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._open: set[_Connection] = set()
        self._thread = threading.Thread(target=self._run, name="http-server", daemon=True)

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    @property
    def open_connections(self) -> int:
        return len(self._open)

    def start(self) -> HttpServer:
        ready = threading.Event()
        self._ready = ready
        self._thread.start()
        if not ready.wait(10):
            raise RuntimeError("the test server did not start")
        return self

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._halt.set)
        self._thread.join(10)

    def __enter__(self) -> HttpServer:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def wait_until(self, check: Callable[[HttpServer], bool], seconds: float = 10.0) -> bool:
        """Wait until something that the server counts is so; False when it is not after `seconds`."""
        with self._changed:
            return self._changed.wait_for(lambda: check(self), seconds)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._halt = asyncio.Event()
        server = await self._loop.create_server(
            lambda: _Connection(self), "127.0.0.1", self._port, ssl=self._tls, backlog=1024
        )
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._halt.wait()
        server.close()
        for connection in list(self._open):
            connection.drop()
        # One more round, so that connections see that they are lost.
        await asyncio.sleep(0)

    def _opened(self, connection: _Connection) -> int:
        with self._changed:
            self._open.add(connection)
            self.connections += 1
            self._changed.notify_all()
            return self.connections

    def _closed(self, connection: _Connection) -> None:
        with self._changed:
            self._open.discard(connection)
            self._changed.notify_all()

    def _began(self, seen: Seen) -> None:
        with self._changed:
            self.seen.append(seen)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            self._changed.notify_all()

    def _ended(self) -> None:
        with self._changed:
            self.in_flight -= 1
            self._changed.notify_all()


class _Connection(asyncio.Protocol):
    """One client: reads requests one after the other, answers each as its reply says."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._buffer = bytearray()
        self._number = 0
        self._busy = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._number = self._server._opened(self)

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._busy:
            self._busy = False
            self._server._ended()
        self._server._closed(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._busy:
            self._next()

    def drop(self) -> None:
        """Break the connection."""
        self._transport.abort()

    def _next(self) -> None:
        """Answer the next request, if all of it is there."""
        seen = self._read()
        if seen is None:
            return
        self._busy = True
        self._server._began(seen)
        reply = self._server.respond(seen)
        if reply.delay:
            self._timer = asyncio.get_running_loop().call_later(reply.delay, self._answer, reply, seen)
        else:
            self._answer(reply, seen)

    def _read(self) -> Seen | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        size = end + 4 + int(headers.get("content-length", "0"))
        if len(self._buffer) < size:
            return None
        http, target, _ = first.split(" ", 2)
        body = bytes(self._buffer[end + 4 : size])
        del self._buffer[:size]
        return Seen(http=http, target=target, headers=headers, body=body, connection=self._number)

    def _answer(self, reply: Reply, seen: Seen) -> None:
        self._timer = None
        if reply.reset:
            self.drop()
            return
        whole = not (reply.cut or reply.stall)
        self._transport.write(_encode(reply, seen, whole=whole))
        if reply.stall:
            return
        self._busy = False
        self._server._ended()
        if reply.cut or reply.close:
            self._transport.close()
        else:
            self._next()


def _encode(reply: Reply, seen: Seen, *, whole: bool) -> bytes:
    headers = {"Content-Type": "application/json", "Content-Length": str(len(reply.body)), **reply.headers}
    head = f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, 'Status')}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
    body = b"" if seen.http == "HEAD" or reply.status == 204 else reply.body
    return head.encode("latin-1") + (body if whole else body[: len(body) // 2])


def respond_by_query() -> Respond:
    """Return a responder whose switches are query parameters; it counts requests to failing addresses."""
    asked: dict[str, int] = {}

    def respond(seen: Seen) -> Reply:
        query = seen.query
        delay = float(query.get("delay", "0"))
        if seen.path == "/status":
            asked[seen.target] = asked.get(seen.target, 0) + 1
            if asked[seen.target] <= int(query.get("times", "1000000000")):
                extra = {"Retry-After": query["retry_after"]} if "retry_after" in query else {}
                return Reply(status=int(query["code"]), headers=extra, delay=delay)
        if seen.path == "/reset":
            return Reply(reset=True)
        if seen.path == "/slow":
            return Reply(stall=True)
        return items_page(query, delay)

    return respond


def items_page(query: dict[str, str], delay: float = 0.0) -> Reply:
    """Answer a list: `size` items a page, `pages` pages, the token is the number of the next page."""
    size, pages = int(query.get("size", "10")), int(query.get("pages", "1"))
    page = int(query.get("pageToken") or "1")
    first = (page - 1) * size
    document: dict[str, Any] = {
        "items": [{"id": first + i, "name": f"item-{first + i}"} for i in range(size)]
    }
    if page < pages:
        document["nextPageToken"] = str(page + 1)
    return json_reply(document, delay=delay)


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve test pages on a loopback port.")
    parser.add_argument("--port", type=int, default=0)
    server = HttpServer(respond_by_query(), port=parser.parse_args().port).start()
    print(server.url, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
