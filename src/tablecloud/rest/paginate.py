"""Reads all pages of a list: emits each response, then follows the document's token to its end."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import msgspec

from tablecloud.catalog.model import Follow, Location, Method, Pagination, Resource
from tablecloud.errors import RemoteRefused, RemoteUnavailable
from tablecloud.rest.body import Scalar
from tablecloud.rest.continuation import Continuation, continuation, set_query
from tablecloud.rest.messages import Conversation, Emit, Page, Request, Response
from tablecloud.rest.request import as_sent, compose_request, scalar_text
from tablecloud.rest.reshape import shaped
from tablecloud.rest.retry import RetryPolicy, attempt

# Far enough from either end for any token in use; a longer one is found by decoding.
_EDGE = 8192


def read_pages(
    resource: Resource,
    method: Method,
    arguments: Mapping[str, Scalar],
    *,
    root_url: str,
    policy: RetryPolicy,
    body: bytes | None = None,
) -> Conversation[None]:
    """Make the call and emit one `Page` a response, as long as the response carries a new token.

    A call whose arguments hold the page token itself asks for that page alone.

    Raises:
        RemoteError: a page could not be had; what was emitted before stays good.
        MissingParameter, InvalidValue: see `build_request`.
        TransformError: what the document prescribes does not fit a response.
    """
    request = compose_request(resource, method, arguments, body, root_url=root_url)
    shown = {p.name: scalar_text(arguments.get(p.name)) for p in method.parameters if p.name in arguments}
    paging = _paging_of(method)
    if paging is not None and _token_bound(method, paging, shown):
        paging = None
    seen: set[str] = set()
    current, number = request, 1
    while True:
        response = yield from attempt(as_sent(current, method), policy)
        body = shaped(response.body, method)
        if method.transform is not None:
            response = replace(response, body=body)
        yield Emit(Page(body=body, arguments=shown, number=number))
        following = _following(response, paging, request) if paging else None
        if following is None:
            return
        if following.token in seen:
            raise RemoteRefused(
                f"{request.full_method} gave the same page token twice, after {number} pages",
                hint="the service would repeat itself without end; rows of the pages before are complete",
                method=request.full_method,
                call=request.shown,
            )
        seen.add(following.token)
        number += 1
        current = following.request


def _paging_of(method: Method) -> Pagination | None:
    """Return how a method pages; a parameter that goes into the body takes its token there."""
    paging = method.pagination
    if paging is None or paging.follow is not Follow.QUERY:
        return paging
    inside = any(p.wire == paging.request and p.location is Location.BODY for p in method.parameters)
    return msgspec.structs.replace(paging, follow=Follow.BODY) if inside else paging


def find_token(body: bytes, path: tuple[str, ...]) -> str:
    """Return the text at a path of a JSON object, empty where there is none; cheap where the key is absent.

    Raises:
        msgspec.MsgspecError: the body holds the key and is not such a JSON object.
    """
    key = b'"' + path[-1].encode() + b'"'
    count = body.count(key)
    if not count:
        return ""
    literal = _edge_literal(body, path[0]) if len(path) == 1 and count == 1 else None
    if literal is not None:
        return msgspec.json.decode(literal, type=str)
    value: object = _decoder(path).decode(body)
    for index in range(len(path)):
        value = getattr(value, f"f{index}", None)
    return "" if value is None else str(value)


def _following(response: Response, paging: Pagination, request: Request) -> Continuation | None:
    try:
        if paging.follow is not Follow.QUERY or paging.header:
            return continuation(request, response, paging)
        token = find_token(response.body, paging.response)
        return Continuation(token=token, request=set_query(request, paging.request, token)) if token else None
    except msgspec.MsgspecError as error:
        raise RemoteUnavailable(
            f"{request.full_method} answered with a page that cannot be read: {error}",
            hint="rows of the pages before are complete; try again",
            method=request.full_method,
            call=request.shown,
        ) from error


def _token_bound(method: Method, paging: Pagination, shown: Mapping[str, str | None]) -> bool:
    return any(
        p.wire == paging.request
        and p.location in (Location.QUERY, Location.BODY)
        and shown.get(p.name) is not None
        for p in method.parameters
    )


def _edge_literal(body: bytes, key: str) -> bytes | None:
    """Return the string literal of a pair that is provably the first or the last of the top-level object.

    Proof: the quote before the key follows `{` or `,`, so it is not escaped, and a bare key cannot follow a
    closing quote; so it opens a key. At the tail, the brace after the value ends the document, so
    it closes the top-level object.
    """
    head, tail = _edges(key)
    match = tail.search(body[-_EDGE:]) or head.match(body[:_EDGE])
    return match.group(1) if match else None


@cache
def _edges(key: str) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    pair = rb'\s*"' + re.escape(key.encode()) + rb'"\s*:\s*("(?:[^"\\]|\\.)*")\s*'
    return re.compile(rb"\s*\{" + pair + rb"[,}]"), re.compile(rb"[,{]" + pair + rb"\}\s*\Z")


@cache
def _decoder(path: tuple[str, ...]) -> msgspec.json.Decoder[msgspec.Struct]:
    """Make a decoder of nothing but the value at the path; everything else is skipped."""
    kind: object = str | int | None
    for depth in range(len(path) - 1, -1, -1):
        name = f"f{depth}"
        kind = msgspec.defstruct(f"Level{depth}", [(name, kind | None, None)], rename={name: path[depth]})  # type: ignore[operator]
    return msgspec.json.Decoder(kind)
