"""What the page learns while it is open, as server-sent events; and a whole log as text.

The store is looked at again and again: moves come from the scheduler, and lines from supervisors that tell
nobody here.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from tablecloud.jobs.api.calls import Api
from tablecloud.jobs.model import Job, LogEntry
from tablecloud.jobs.page import views
from tablecloud.jobs.page.reading import read_job, read_overview

_OVERVIEW_SECONDS, _JOB_SECONDS, _FRESH_SECONDS = 2.0, 0.5, 10.0
_BACKLOG, _BLOCK = 500, 1000
_SEVERITIES = frozenset({"DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Who looks, and for how long."""

    api: Api
    member: str
    goes_on: Callable[[], bool]


async def overview_changes(watch: Watch, project: str, after: tuple[float, str] | None) -> AsyncIterator[str]:
    """Yield the table of jobs each time it differs from the last one sent."""
    sent = ""
    while watch.goes_on():
        found = await asyncio.to_thread(read_overview, watch.api, watch.member, project, after)
        text = views.overview_fragment(found)
        if text != sent:
            yield _event("fragment", text)
            sent = text
        await asyncio.sleep(_OVERVIEW_SECONDS)


async def job_changes(watch: Watch, job: Job, after: int | None) -> AsyncIterator[str]:
    """Yield a job's changes and its new lines, until it has ended and its log was read to the end.

    Parameters:
        after: the log's cursor where the browser left off; None begins with the last lines there are.
    """
    cursor, shown = after or 0, ""
    if after is None:
        lines, cursor = await asyncio.to_thread(_backlog, watch.api, job)
        yield _event("log", lines, event_id=cursor)
    while watch.goes_on():
        row = await asyncio.to_thread(read_job, watch.api, watch.member, job.project, job.job_id)
        if row is None:
            return
        entries = await asyncio.to_thread(_lines_after, watch.api, job, cursor)
        now = watch.api.clock.now()
        # A document that is drawn anew loses the reader's selection: only for news, or for the times in it.
        news = f"{row.job.revision} {'' if row.job.end_time else int(now / _FRESH_SECONDS)}"
        if news != shown:
            yield _event("fragment", views.job_fragment(row, now))
            shown = news
        if entries:
            cursor = entries[-1][0]
            yield _event("log", [_line(entry) for _, entry in entries], event_id=cursor)
        elif row.job.end_time is not None:
            yield _event("end", None)
            return
        else:
            await asyncio.sleep(_JOB_SECONDS)


async def whole_log(api: Api, job: Job) -> AsyncIterator[str]:
    """Yield a job's log as text."""
    cursor = 0
    while entries := await asyncio.to_thread(_lines_after, api, job, cursor):
        yield "".join(f"{_line(entry)['text']}\n" for _, entry in entries)
        cursor = entries[-1][0]


def _backlog(api: Api, job: Job) -> tuple[list[dict[str, str]], int]:
    """Return the last lines of a log, and the cursor behind them."""
    last: deque[LogEntry] = deque(maxlen=_BACKLOG)
    cursor = 0
    while entries := _lines_after(api, job, cursor):
        last.extend(entry for _, entry in entries)
        cursor = entries[-1][0]
    return [_line(entry) for entry in last], cursor


def _lines_after(api: Api, job: Job, cursor: int) -> list[tuple[int, LogEntry]]:
    return api.service.logs(job.project, job.job_id, after=cursor, limit=_BLOCK)


def _line(entry: LogEntry) -> dict[str, str]:
    at = time.strftime("%H:%M:%S", time.gmtime(entry.at))
    trial = f" trial {entry.trial_id}" if entry.trial_id else ""
    severity = entry.severity if entry.severity in _SEVERITIES else "DEFAULT"
    return {"severity": severity, "text": f"{at} {entry.task}{trial}  {entry.message}"}


def _event(name: str, data: object, *, event_id: int | None = None) -> str:
    head = f"id: {event_id}\n" if event_id is not None else ""
    return f"{head}event: {name}\ndata: {json.dumps(data)}\n\n"
