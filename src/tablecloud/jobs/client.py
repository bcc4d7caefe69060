"""What the command line asks about jobs of this machine, answered from the service's files.

It works while no service runs, and changes nothing. Requests that change something go over HTTP, as all do.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tablecloud.jobs import statements as sql
from tablecloud.jobs.logs import JobLog
from tablecloud.jobs.model import Job, LogEntry
from tablecloud.jobs.rows import job_from_row
from tablecloud.jobs.store import UnknownJob
from tablecloud.jobs.store_file import explain, open_reader

_FOLLOW_SECONDS = 0.25
_LINES = 1000


def count_states(root: Path) -> dict[str, int]:
    """Return how many jobs are in each state, without the states that no job is in.

    Raises:
        JobError: the job store cannot be read.
    """
    with _reader(root) as connection:
        return dict(connection.execute(sql.COUNT_STATES)) if connection else {}


def find_job(root: Path, job_id: str, *, project: str = "") -> Job:
    """Return the job of an id; with no project given, that of the only project that has one.

    Parameters:
        root: folder of the service's state.
        job_id: id of the job, or its name `projects/PROJECT/jobs/JOB`.
        project: id of the project; empty for any.

    Raises:
        UnknownJob: there is none, or several projects have one.
        JobError: the job store cannot be read.
    """
    parts = job_id.split("/")
    if len(parts) == 4 and parts[0] == "projects" and parts[2] == "jobs":
        project, job_id = parts[1], parts[3]
    with _reader(root) as connection:
        rows = connection.execute(sql.JOBS_BY_ID, {"job_id": job_id}).fetchall() if connection else []
    jobs = [job for job in map(job_from_row, rows) if project in ("", job.project)]
    if len(jobs) == 1:
        return jobs[0]
    if jobs:
        names = ", ".join(job.project for job in jobs)
        raise UnknownJob(f"several projects have a job {job_id}: {names}", hint="name one with --project")
    where = f" in the project {project}" if project else ""
    raise UnknownJob(f"there is no job {job_id}{where}", hint="SELECT jobId FROM google.ml.jobs lists them")


def read_log(
    root: Path, job: Job, *, follow: bool = False, wait: Callable[[float], None] = time.sleep
) -> Iterator[LogEntry]:
    """Yield the lines of a job's log; with `follow`, go on until the job has ended and all was read."""
    log, cursor = JobLog(root, job.uid), 0
    while True:
        # Asked before reading: a log is complete before its job ends.
        ended = not follow or find_job(root, job.job_id, project=job.project).end_time is not None
        entries = log.read(cursor, _LINES)
        for cursor, entry in entries:  # noqa: B007  # the last cursor is where the next read begins
            yield entry
        if ended and not entries:
            return
        if not entries:
            wait(_FOLLOW_SECONDS)


@contextmanager
def _reader(root: Path) -> Iterator[sqlite3.Connection | None]:
    """Open the job store for reading; None where there is none yet."""
    path = root / "jobs.sqlite"
    if not path.exists():
        yield None
        return
    try:
        with closing(open_reader(path)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise explain(error, path) from error
