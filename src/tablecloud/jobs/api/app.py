"""The ASGI application of the job service: bytes of a connection in, bytes out; `dispatch` does the rest."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.routing import Mount

from tablecloud.clock import Clock, SystemClock
from tablecloud.jobs.api.calls import Api, HttpReply, HttpRequest
from tablecloud.jobs.api.dispatch import answer
from tablecloud.jobs.api.principals import Principals, signing_key
from tablecloud.jobs.api.replies import Style, error_reply
from tablecloud.jobs.wire.errors import invalid

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from tablecloud.jobs.service import JobService

MAX_BODY = 10 * 1024 * 1024
"""Bytes of a request; the limit of Google's front end."""

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def create_app(
    service: JobService,
    *,
    principals: Principals,
    clock: Clock | None = None,
    link_key: bytes = b"",
    closing: threading.Event | None = None,
) -> Starlette:
    """Return the application that serves the ml v1 API from a job service, the buckets, and the page.

    Parameters:
        service: started by the caller, and stopped by the caller.
        principals: who may call.
        clock: for filters and conditions that look at the time.
        link_key: of the links that log a browser in; empty where there are none.
        closing: set when the server goes down, so that the page's open streams end.
    """
    from tablecloud.jobs.gcs.app import is_storage_path, storage_app
    from tablecloud.jobs.page.app import PageApp, is_page_path
    from tablecloud.jobs.page.sessions import Sessions

    api = Api(
        service=service,
        principals=principals,
        token_key=signing_key(principals),
        clock=clock or SystemClock(),
    )
    # One mount below everything: paths are routed on their raw form, which starlette's own routes do not see.
    page = PageApp(api=api, sessions=Sessions(link_key), closing=closing or threading.Event())
    faces = (_Face(takes=is_page_path, app=page), _Face(takes=is_storage_path, app=storage_app(api)))
    return Starlette(routes=[Mount("/", app=_Faces(faces, _MlApplication(api)))])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Face:
    """One of the applications behind the one port, and the raw paths that are its own."""

    takes: Callable[[str], bool]
    app: ASGIApp


class _Faces:
    """ASGI: sends each exchange to the face that takes its path, by default to the ml API."""

    def __init__(self, faces: tuple[_Face, ...], default: ASGIApp) -> None:
        self._faces = faces
        self._default = default

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        path = _raw_path(scope) if scope["type"] == "http" else ""
        app = next((face.app for face in self._faces if face.takes(path)), self._default)
        await app(scope, receive, send)


class _MlApplication:
    """ASGI: one HTTP exchange a call."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close"})
            return
        try:
            body = await _read_body(receive)
        except ClientGone:
            return
        if body is None:
            reply = error_reply(
                invalid(f"Request payload size exceeds the limit: {MAX_BODY} bytes."), Style()
            )
        else:
            reply = await answer(self._api, _request(scope, body))
        await _send_reply(reply, send)


class ClientGone(Exception):
    """The connection ended inside a request: half a body must not be taken for a whole one."""


async def _read_body(receive: _Receive) -> bytes | None:
    """Return the whole body; None where it is too long.

    Raises:
        ClientGone: the client went away first.
    """
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY:
            return None
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _request(scope: _Scope, body: bytes) -> HttpRequest:
    return HttpRequest(
        method=scope["method"],
        path=_raw_path(scope),
        query=scope["query_string"].decode("latin-1"),
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
        body=body,
    )


def _raw_path(scope: _Scope) -> str:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.decode("latin-1")


async def _send_reply(reply: HttpReply, send: _Send) -> None:
    headers = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in reply.headers]
    headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
