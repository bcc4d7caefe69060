"""The request of the next page, from the answer that came: a token, a link, a page number. Pure.

A link that leads to another server is never followed: the credentials of the first would go there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

import msgspec

from tablecloud.catalog.model import Follow, Pagination
from tablecloud.errors import RemoteRefused
from tablecloud.rest.body import lay_upon
from tablecloud.rest.messages import Request, Response
from tablecloud.rest.template import quote_query

_LINKS = ("nextLink", "@odata.nextLink")
_ADDRESSES = ("https://", "http://", "/")
_NEXT = re.compile(r"<([^<>]*)>\s*(?:;[^,<]*)?;\s*rel\s*=\s*\"?next\"?(?=[\s;,]|$)", re.I)
_ENDS: tuple[object, ...] = (None, "", "<nil>", [], {}, False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuation:
    """What comes after a page."""

    token: str
    """What tells this page from others: a token that comes again would go on without end."""
    request: Request


def continuation(first: Request, response: Response, paging: Pagination) -> Continuation | None:
    """Return how to go on after a page; None after the last one.

    Parameters:
        first: the request of the first page, from which the next one is made.
        response: the page.

    Raises:
        RemoteRefused: the next page would be of another server.
        msgspec.MsgspecError: the body is not JSON.
    """
    link = _guessed_link(response) if paging.follow is Follow.GUESS else ""
    token = link or _token(response, paging)
    if token in _ENDS:
        return None
    text = token if isinstance(token, str) else msgspec.json.encode(token).decode()
    if paging.follow is Follow.URL or link:
        return Continuation(token=text, request=replace(first, url=_same_server(first, text)))
    if paging.follow is Follow.BODY:
        addition = msgspec.json.encode({paging.request: token})
        return Continuation(token=text, request=replace(first, body=_with_field(first.body, addition)))
    return Continuation(token=text, request=set_query(first, paging.request, text))


def set_query(request: Request, key: str, value: str) -> Request:
    """Return the request with a query parameter that has this value, whatever it had before."""
    address, _, query = request.url.partition("?")
    name = quote_query(key)
    kept = [entry for entry in query.split("&") if entry and entry.partition("=")[0] not in (name, key)]
    return replace(request, url=f"{address}?{'&'.join([*kept, f'{name}={quote_query(value)}'])}")


def next_link(header: str) -> str:
    """Return the address that a `Link` header (RFC 8288) calls the next; empty where there is none."""
    found = _NEXT.search(header)
    return found.group(1) if found else ""


def _token(response: Response, paging: Pagination) -> object:
    if paging.header:
        return next_link(response.headers.get(paging.response[0].lower(), ""))
    if paging.follow is Follow.NUMBER:
        return _next_number(response.body, paging)
    if not _holds(response.body, paging.response[:1]):
        return None
    return _at(_decoded(response.body), paging.response)


def _guessed_link(response: Response) -> str:
    """Look for a link to the next page where the document says nothing of paging; empty without one."""
    link = next_link(response.headers.get("link", ""))
    if link or not _holds(response.body, _LINKS):
        return link
    body = _decoded(response.body)
    found = (_at(body, (key,)) for key in _LINKS)
    return next((each for each in found if isinstance(each, str) and each.startswith(_ADDRESSES)), "")


def _holds(body: bytes, keys: tuple[str, ...]) -> bool:
    """Tell, without decoding a page, whether one of the keys may be in it."""
    return any(b'"' + key.encode() + b'"' in body for key in keys)


def _next_number(body: bytes, paging: Pagination) -> object:
    decoded = _decoded(body)
    current, total = _at(decoded, paging.response), _at(decoded, paging.total)
    if not isinstance(current, int) or not isinstance(total, int) or current >= total:
        return None
    return current + 1


def _decoded(body: bytes) -> Any:
    return msgspec.json.decode(body) if body.strip() else None


def _at(value: Any, path: tuple[str, ...]) -> object:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    # A path may end in a list of one: the token is its element.
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _with_field(body: bytes | None, addition: bytes) -> bytes | None:
    return lay_upon(body.decode() if body else "{}", addition)


def _same_server(first: Request, link: str) -> str:
    """Return the address of the next page.

    Raises:
        RemoteRefused: it is on another server, or none at all.
    """
    here = urlsplit(first.url)
    there = urlsplit(urljoin(first.url, link))
    if there.netloc.lower() != here.netloc.lower() or there.scheme not in ("http", "https"):
        other = there.netloc or "no server"
        raise RemoteRefused(
            f"{first.full_method} says that its next page is on {other}, not {here.netloc}",
            hint="credentials are never sent to another server; rows of the pages before are complete",
            method=first.full_method,
            call=first.shown,
        )
    # Behind a proxy services write http where they are reached by https.
    return urlunsplit(there._replace(scheme=here.scheme, fragment=""))
