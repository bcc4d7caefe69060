"""The page over HTTP: login, documents, event streams. Its cookie opens nothing but the page, and only reads.

Every answer forbids the browser to load or run anything that is not this server's own file.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from tablecloud.jobs.api.calls import Api
from tablecloud.jobs.api.principals import LOCAL, caller_of
from tablecloud.jobs.page import streams, views
from tablecloud.jobs.page.reading import read_job, read_overview
from tablecloud.jobs.page.sessions import SESSION_SECONDS, Sessions
from tablecloud.jobs.wire.errors import ApiError

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not `no-referrer`: with that, browsers send our own forms with `Origin: null`.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_FILES = {
    "/ui/page.css": "text/css; charset=utf-8",
    "/ui/page.js": "text/javascript; charset=utf-8",
    "/ui/icon.svg": "image/svg+xml",
}
_JOB = re.compile(r"/ui/projects/([^/]+)/jobs/([^/]+)(/changes|/log\.txt)?")
_MAX_FORM = 64 * 1024

_Answer = Callable[[Request, str], Awaitable[Response]]


def is_page_path(path: str) -> bool:
    """Say whether a raw path is the page's."""
    return path == "/" or path == "/ui" or path.startswith("/ui/")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageApp:
    """ASGI application of the page.

    Parameters:
        closing: set when the server goes down, so that open streams end.
    """

    api: Api
    sessions: Sessions = field(repr=False)
    closing: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Answer one HTTP exchange."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request, _raw_path(request))
        except Exception as error:
            _log(error)
            response = HTMLResponse(views.document("Error", views.broken()), status_code=500)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        await response(scope, receive, send)

    async def _answer(self, request: Request, path: str) -> Response:
        if path in _FILES and request.method == "GET":
            content = (Path(__file__).parent / "static" / path.rpartition("/")[2]).read_bytes()
            return Response(content, media_type=_FILES[path], headers={"Cache-Control": "no-cache"})
        if path in ("/", "/ui"):
            return RedirectResponse("/ui/", status_code=303)
        if path == "/ui/enter" and request.method == "GET":
            return self._enter(request)
        if path in ("/ui/login", "/ui/logout"):
            return await self._form(request, path)
        if request.method != "GET":
            return Response("Only GET is allowed here.\n", status_code=405, headers={"Allow": "GET"})
        member = self._member(request)
        if member is None:
            return HTMLResponse(views.login_page(), status_code=401)
        return await self._show(request, path, member)

    async def _show(self, request: Request, path: str, member: str) -> Response:
        if path == "/ui/":
            found = await asyncio.to_thread(read_overview, self.api, member, *_position(request))
            return HTMLResponse(views.overview_page(found, member))
        if path == "/ui/changes":
            return _stream(streams.overview_changes(self._watch(request, member), *_position(request)))
        match = _JOB.fullmatch(path)
        if match is None:
            return HTMLResponse(views.not_found_page(member), status_code=404)
        project, job_id, part = unquote(match.group(1)), unquote(match.group(2)), match.group(3)
        row = await asyncio.to_thread(read_job, self.api, member, project, job_id)
        if row is None:
            return HTMLResponse(views.not_found_page(member), status_code=404)
        if part == "/changes":
            last = request.headers.get("last-event-id", "")
            after = int(last) if last.isascii() and last.isdigit() else None
            return _stream(streams.job_changes(self._watch(request, member), row.job, after))
        if part == "/log.txt":
            return StreamingResponse(
                streams.whole_log(self.api, row.job), media_type="text/plain; charset=utf-8"
            )
        return HTMLResponse(views.job_page(row, self.api.clock.now(), member))

    def _enter(self, request: Request) -> Response:
        if not self.sessions.redeem(request.query_params.get("code", ""), self.api.clock.now()):
            text = "This link was used already, or is older than ten minutes."
            return HTMLResponse(views.login_page(text), status_code=401)
        return self._let_in(request, LOCAL)

    async def _form(self, request: Request, path: str) -> Response:
        if request.method != "POST":
            return Response("Only POST is allowed here.\n", status_code=405, headers={"Allow": "POST"})
        if _is_foreign(request):
            return Response("This form was sent by another site.\n", status_code=403)
        if path == "/ui/logout":
            self.sessions.close(request.cookies.get(_cookie(request), ""))
            response = RedirectResponse("/ui/", status_code=303)
            response.delete_cookie(_cookie(request), path="/ui")
            return response
        token = await _token(request)
        try:
            member = caller_of(self.api.principals, {"authorization": f"Bearer {token}"}, None)
        except ApiError:
            return HTMLResponse(views.login_page("This token is not known."), status_code=401)
        return self._let_in(request, member)

    def _let_in(self, request: Request, member: str) -> Response:
        response = HTMLResponse(views.entered_page())
        response.set_cookie(
            _cookie(request),
            self.sessions.open(member, self.api.clock.now()),
            max_age=int(SESSION_SECONDS),
            path="/ui",
            httponly=True,
            samesite="strict",
        )
        return response

    def _member(self, request: Request) -> str | None:
        return self.sessions.member(request.cookies.get(_cookie(request), ""), self.api.clock.now())

    def _watch(self, request: Request, member: str) -> streams.Watch:
        """Return what a stream needs: it ends with the server and with the session."""
        return streams.Watch(
            api=self.api,
            member=member,
            goes_on=lambda: not self.closing.is_set() and self._member(request) == member,
        )


def _stream(events: AsyncIterator[str]) -> Response:
    return StreamingResponse(events, media_type="text/event-stream")


def _position(request: Request) -> tuple[str, tuple[float, str] | None]:
    """Return the project and the position that a page of jobs begins after."""
    query = request.query_params
    try:
        before = float(query["before"]) if "before" in query else None
    except ValueError:
        before = None
    return query.get("project", ""), (before, query.get("job", "")) if before is not None else None


def _cookie(request: Request) -> str:
    """Return the cookie's name: cookies of one host are shared by its ports, so each server has its own."""
    server = request.scope.get("server") or ("", 0)
    return f"tablecloud_{server[1]}"


def _is_foreign(request: Request) -> bool:
    origin = request.headers.get("origin")
    return origin is not None and origin.partition("://")[2] != request.headers.get("host", "")


async def _token(request: Request) -> str:
    """Return the token of a login form; empty where there is none."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_FORM:
            return ""
    return parse_qs(body.decode("latin-1")).get("token", [""])[0].strip()


def _raw_path(request: Request) -> str:
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return raw.decode("latin-1")


def _log(error: Exception) -> None:
    from logging import getLogger

    getLogger("tablecloud.jobs.page").error("a request failed", exc_info=error)
