"""Logs as Cloud Logging shows them: `entries.list` over the jobs of a project.

Contract: ml-jobs-service 6 (the requests of `gcloud ai-platform jobs stream-logs`), and the Logging v2
document for the rest. A filter that names a job (`resource.labels.job_id="…"`) reads that job's log alone;
any other reads the logs of all jobs of the project, merged by time.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import msgspec

from tablecloud.jobs.api.calls import Api, Call
from tablecloud.jobs.api.permissions import require
from tablecloud.jobs.model import Job, LogEntry
from tablecloud.jobs.wire.errors import ApiError, invalid
from tablecloud.jobs.wire.filter_grammar import Both, Comparison, Either, Expression, Not, parse_filter
from tablecloud.jobs.wire.filters import Predicate, compile_tree
from tablecloud.jobs.wire.schemas import JsonObject
from tablecloud.jobs.wire.times import format_timestamp
from tablecloud.jobs.wire.tokens import make_token, read_token

_MAX_SIZE, _BLOCK = 1000, 1000
_LEVELS = ("DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY")
_JOB_ID = ("resource", "labels", "job_id")


class _Asked(msgspec.Struct, kw_only=True, rename="camel"):
    """The body of a request."""

    resource_names: list[str] = []
    project_ids: list[str] = []
    filter: str = ""
    order_by: str = ""
    page_size: int = 0
    page_token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """One request, understood."""

    jobs: tuple[Job, ...]
    matches: Predicate | None
    descending: bool
    streamed: bool
    """Whether it reads one job's log forwards, which costs only what is new to each page."""
    after: tuple[float, str] | None
    """Time of the entry shown last, and its id, or the log's cursor where it is streamed."""


async def list_entries(api: Api, call: Call) -> JsonObject:
    """Return one page of entries: `{"entries": [...], "nextPageToken": "..."}`.

    Raises:
        ApiError: INVALID_ARGUMENT, or PERMISSION_DENIED where the caller may not see the project's jobs.
    """
    asked = _read_body(call.body)
    # Google's default is 50; nobody can count on it, and a log is long.
    size = min(asked.page_size or _MAX_SIZE, _MAX_SIZE)
    scope = "\n".join(("entries", *sorted(_projects(asked)), asked.filter, asked.order_by))
    after = read_token(api.token_key, asked.page_token, scope=scope) if asked.page_token else None
    found = await asyncio.to_thread(_page, api, call, asked, after, size + 1)
    document: JsonObject = {}
    if found:
        document["entries"] = [entry for _, entry in found[:size]]
    if len(found) > size:
        document["nextPageToken"] = make_token(api.token_key, scope=scope, position=found[size - 1][0])
    return document


def _page(
    api: Api, call: Call, asked: _Asked, after: tuple[float, str] | None, limit: int
) -> list[tuple[tuple[float, str], JsonObject]]:
    tree = parse_filter(asked.filter)
    descending = asked.order_by == "timestamp desc"
    reading = _Reading(
        jobs=tuple(job for project in _projects(asked) for job in _jobs(api, call, project, tree)),
        matches=compile_tree(_levelled(tree), now=api.clock.now()) if tree else None,
        descending=descending,
        streamed=not descending and len(_named_jobs(tree) or ()) == 1 and len(_projects(asked)) == 1,
        after=after,
    )
    return list(islice(_entries(api, reading), limit))


def _entries(api: Api, reading: _Reading) -> Iterator[tuple[tuple[float, str], JsonObject]]:
    """Yield position and document of each matching entry, in order."""
    if reading.streamed:
        found = (placed for job in reading.jobs for placed in _stream(api, job, reading.after))
    else:
        logs = (_sorted_log(api, job, reading) for job in reading.jobs)
        found = heapq.merge(*logs, key=_place, reverse=reading.descending)
    for position, job, entry in found:
        document = entry_document(job, entry)
        if reading.matches is None or reading.matches(document):
            yield position, document


_Placed = tuple[tuple[float, str], Job, LogEntry]


def _place(placed: _Placed) -> tuple[float, str]:
    return placed[0]


def _stream(api: Api, job: Job, after: tuple[float, str] | None) -> Iterator[_Placed]:
    """Yield a job's entries as they lie in its log, which is in order of time; the cursor is the position."""
    for cursor, entry in _all(api, job, int(after[1]) if after else 0):
        yield (entry.at, str(cursor)), job, entry


def _sorted_log(api: Api, job: Job, reading: _Reading) -> Iterator[_Placed]:
    """Yield a job's entries past the token's, sorted."""
    if not reading.descending and reading.after and job.end_time and job.end_time < reading.after[0] - 1:
        return  # its log was complete before that time
    placed = [((entry.at, entry.insert_id), job, entry) for _, entry in _all(api, job, 0)]
    placed.sort(key=_place, reverse=reading.descending)
    for one in placed:
        position, after = _place(one), reading.after
        if after is None or (position < after if reading.descending else position > after):
            yield one


def _all(api: Api, job: Job, cursor: int) -> Iterator[tuple[int, LogEntry]]:
    while block := api.service.logs(job.project, job.job_id, after=cursor, limit=_BLOCK):
        yield from block
        cursor = block[-1][0]


def entry_document(job: Job, entry: LogEntry) -> JsonObject:
    """Return one line of a job's log as a LogEntry resource."""
    stamp = format_timestamp(int(entry.at * 1_000_000) * 1000)
    labels = {"ml.googleapis.com/job_id": job.job_id, "ml.googleapis.com/job_id/log_area": "root"}
    if entry.trial_id is not None:
        labels["ml.googleapis.com/trial_id"] = entry.trial_id
    document: JsonObject = {
        "logName": f"projects/{job.project}/logs/{entry.task}",
        "resource": {
            "type": "ml_job",
            "labels": {"job_id": job.job_id, "project_id": job.project, "task_name": entry.task},
        },
        "timestamp": stamp,
        "receiveTimestamp": stamp,
        "severity": entry.severity,
        "insertId": entry.insert_id,
        "labels": labels,
    }
    if entry.fields is None:
        document["textPayload"] = entry.message
    else:
        document["jsonPayload"] = {**entry.fields, "message": entry.message}
    return document


def _read_body(body: bytes) -> _Asked:
    try:
        asked = msgspec.json.decode(body or b"{}", type=_Asked, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid(f"The body is not a request for log entries: {error}") from None
    if asked.page_size < 0:
        raise invalid("The page size must not be negative.", field="page_size")
    if asked.order_by not in ("", "timestamp", "timestamp asc", "timestamp desc"):
        raise invalid("order_by is `timestamp asc` or `timestamp desc`.", field="order_by")
    return asked


def _projects(asked: _Asked) -> list[str]:
    """Return the projects whose entries are wanted.

    Raises:
        ApiError: INVALID_ARGUMENT: none, or something else than a project.
    """
    names = [*asked.resource_names, *(f"projects/{project}" for project in asked.project_ids)]
    projects = [name.removeprefix("projects/") for name in names]
    if not projects or any(not name.startswith("projects/") for name in names) or "" in projects:
        raise invalid("resource_names is a list of projects: `projects/PROJECT`.", field="resource_names")
    return list(dict.fromkeys(project.partition("/")[0] for project in projects))


def _jobs(api: Api, call: Call, project: str, tree: Expression | None) -> Iterator[Job]:
    """Yield the jobs of a project whose logs may hold what a filter wants.

    Raises:
        ApiError: PERMISSION_DENIED.
    """
    asked = Call(method=call.method, names={"projectsId": project}, query={}, body=b"", member=call.member)
    job_ids = _named_jobs(tree)
    if job_ids is not None:
        for job_id in job_ids:
            require(api, asked, "ml.jobs.get", job_id=job_id)
            if job := api.service.get(project, job_id):
                yield job
        return
    require(api, asked, "ml.jobs.list", "ml.jobs.get")
    after: tuple[float, str] | None = None
    while block := api.service.page(project, after=after, limit=_BLOCK):
        yield from block
        after = (block[-1].create_time, block[-1].job_id)


def _named_jobs(tree: Expression | None) -> tuple[str, ...] | None:
    """Return the jobs that a filter names and requires; None where it names none."""
    if isinstance(tree, Comparison) and tree.key == _JOB_ID and tree.operator == "=":
        return tree.values
    if isinstance(tree, Both):
        return next((found for term in tree.terms if (found := _named_jobs(term)) is not None), None)
    return None


def _levelled(tree: Expression) -> Expression:
    """Return a filter in which `severity>=X` compares levels: it becomes the list of those that hold."""
    match tree:
        case Not(term=term):
            return Not(term=_levelled(term))
        case Both(terms=terms):
            return Both(terms=tuple(map(_levelled, terms)))
        case Either(terms=terms):
            return Either(terms=tuple(map(_levelled, terms)))
        case Comparison(key=("severity",), operator="<" | "<=" | ">" | ">=" as operator, values=values):
            return Comparison(key=("severity",), operator="=", values=_levels(operator, values[0].upper()))
        case _:
            return tree


def _levels(operator: str, level: str) -> tuple[str, ...]:
    if level not in _LEVELS:
        raise ApiError("INVALID_ARGUMENT", f"{level} is no severity; there are {', '.join(_LEVELS)}.")
    at = _LEVELS.index(level) + (operator in ("<=", ">"))
    # A list without a value is refused by nobody and matches nothing.
    return _LEVELS[at:] if operator.startswith(">") else _LEVELS[:at]
