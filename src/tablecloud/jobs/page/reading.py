"""What the page shows, read from the job service for one member. Blocking; nothing a member may not see."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from heapq import nlargest

from tablecloud.jobs.api.calls import Api, Call
from tablecloud.jobs.api.permissions import permissions_of
from tablecloud.jobs.model import Job, JobEvent
from tablecloud.jobs.store_file import open_reader

_PROJECTS = """
WITH RECURSIVE step (project) AS (
  SELECT min(project) FROM jobs
  UNION ALL
  SELECT (SELECT min(project) FROM jobs WHERE jobs.project > step.project)
  FROM step WHERE project IS NOT NULL)
SELECT project FROM step WHERE project IS NOT NULL"""
_COUNTS = "SELECT state, count(*) FROM jobs WHERE project = ? GROUP BY state"
PAGE_SIZE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A job and its moves."""

    job: Job
    events: tuple[JobEvent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The newest jobs of the projects that a member may list."""

    now: float
    projects: tuple[str, ...]
    counts: dict[str, int]
    """Jobs by state."""
    rows: tuple[Row, ...]
    project: str = ""
    """The only one shown; empty for all."""


def read_overview(api: Api, member: str, project: str, after: tuple[float, str] | None) -> Overview:
    """Return the newest jobs, or those of one project that follow the position `after`."""
    with closing(open_reader(api.service.settings.root / "jobs.sqlite")) as connection:
        known = [name for [name] in connection.execute(_PROJECTS)]
        projects = tuple(name for name in known if may(api, member, name, "ml.jobs.list"))
        shown = [name for name in projects if project in ("", name)]
        counts: dict[str, int] = {}
        for name in shown:
            for state, count in connection.execute(_COUNTS, (name,)):
                counts[state] = counts.get(state, 0) + count
    found = [job for name in shown for job in api.service.page(name, after=after, limit=PAGE_SIZE)]
    newest = nlargest(PAGE_SIZE, found, key=lambda job: job.create_time)
    rows = tuple(Row(job=job, events=tuple(api.service.events(job))) for job in newest)
    return Overview(now=api.clock.now(), projects=projects, counts=counts, rows=rows, project=project)


def read_job(api: Api, member: str, project: str, job_id: str) -> Row | None:
    """Return a job; None where there is none, or none that the member may see."""
    if not may(api, member, project, "ml.jobs.get", job_id=job_id):
        return None
    job = api.service.get(project, job_id)
    return Row(job=job, events=tuple(api.service.events(job))) if job is not None else None


def may(api: Api, member: str, project: str, permission: str, *, job_id: str | None = None) -> bool:
    """Say whether a member has a permission on a project, or on one job."""
    call = Call(method="page", names={"projectsId": project}, query={}, body=b"", member=member)
    return permission in permissions_of(api, call, job_id)
