"""Pages of a list: page size, token, filter. Contract: ml-jobs-service 1.6."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from tablecloud.jobs.api.calls import Api, Call
from tablecloud.jobs.api.parameters import integer_parameter
from tablecloud.jobs.model import Job
from tablecloud.jobs.wire.errors import field_error
from tablecloud.jobs.wire.filters import Predicate, compile_filter
from tablecloud.jobs.wire.schemas import JsonObject
from tablecloud.jobs.wire.tokens import make_token, read_token

T = TypeVar("T")

DEFAULT_SIZE, MAX_SIZE = 20, 100
_SCAN_SIZE = 500

Position = tuple[float, str]
"""Create time and id of a row; lists in the order of names use the name alone."""


Fetch = Callable[[Position | None, int], list[T]]
"""The next rows after a position, at most so many, in the order of the list."""


async def page_of_jobs(
    api: Api, call: Call, collection: str, render: Callable[[Job], JsonObject]
) -> tuple[list[JsonObject], str | None]:
    """Return one page of documents of a project's jobs and the token of the next.

    Parameters:
        collection: `jobs` or `operations`; a token of one is refused by the other.
        render: makes the document that is filtered and shown.

    Raises:
        ApiError: INVALID_ARGUMENT: page size, token or filter.
    """
    return await page_of(
        api,
        call,
        collection,
        fetch=lambda after, limit: api.service.page(call.project, after=after, limit=limit),
        render=render,
        position=lambda job: (job.create_time, job.job_id),
    )


async def page_of(
    api: Api,
    call: Call,
    collection: str,
    *,
    fetch: Fetch[T],
    render: Callable[[T], JsonObject],
    position: Callable[[T], Position],
) -> tuple[list[JsonObject], str | None]:
    """Return one page of documents and the token of the next; None where this is the last.

    Parameters:
        collection: what is listed, such as `jobs`; a token of one collection is refused by another.
        render: makes the document that is filtered and shown.
        position: where a row stands in the list's order.

    Raises:
        ApiError: INVALID_ARGUMENT: page size, token or filter.
    """
    size = page_size(call.query)
    scope = f"{collection}\n{call.project}\n{call.query.get('filter', '')}"
    token = call.query.get("pageToken")
    after = read_token(api.token_key, token, scope=scope) if token else None
    predicate = compile_filter(call.query.get("filter", ""), now=api.clock.now())
    if predicate is None:
        # One short read of an index: a thread would cost more than it takes.
        rows = [(row, render(row)) for row in fetch(after, size + 1)]
    else:
        rows = await asyncio.to_thread(_scan, fetch, after, size + 1, render, position, predicate)
    documents = [document for _, document in rows[:size]]
    if len(rows) <= size:
        return documents, None
    return documents, make_token(api.token_key, scope=scope, position=position(rows[size - 1][0]))


def page_size(query: dict[str, str]) -> int:
    """Return the page size asked for, within bounds.

    Raises:
        ApiError: INVALID_ARGUMENT: negative, or no number.
    """
    size = integer_parameter(query, "pageSize", "page_size") or DEFAULT_SIZE
    if size < 0:
        raise field_error("page_size", "The page size must not be negative.")
    return min(size, MAX_SIZE)


def _scan(
    fetch: Fetch[T],
    after: Position | None,
    wanted: int,
    render: Callable[[T], JsonObject],
    position: Callable[[T], Position],
    predicate: Predicate,
) -> list[tuple[T, JsonObject]]:
    found: list[tuple[T, JsonObject]] = []
    while True:
        rows = fetch(after, _SCAN_SIZE)
        for row in rows:
            document = render(row)
            if predicate(document):
                found.append((row, document))
                if len(found) == wanted:
                    return found
        if len(rows) < _SCAN_SIZE:
            return found
        after = position(rows[-1])
