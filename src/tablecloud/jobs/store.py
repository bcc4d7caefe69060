"""The job store: every question and every change of the one database, as functions of jobs.

Changes go through one writer thread (`store_writer`) and are on disk when they are answered; a state changes
in `moves.move_job` alone. Knows nothing of executors. Contract: ml-jobs-service 5.2.
"""

from __future__ import annotations

import contextlib
import queue
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tablecloud.errors import JobError, ServiceNotRunning
from tablecloud.jobs import statements as sql
from tablecloud.jobs.model import Job, JobEvent, NewJob, Reason, State, StoredPolicy
from tablecloud.jobs.moves import Claim, Move, append_event, claim_values, known_job, move_job, one_job
from tablecloud.jobs.ranks import QueueRanks
from tablecloud.jobs.rows import Row, event_from_row, job_from_row, to_json
from tablecloud.jobs.store_database import Database
from tablecloud.jobs.store_file import SqliteFile
from tablecloud.jobs.store_writer import GroupWriter

T = TypeVar("T")

CANCELLED_BY_USER = "Cancelled by user."
"""The errorMessage of a job that somebody cancelled; contract 2.6."""


class JobExists(JobError):
    """The project has, or had, a job of this id; ids are never used again."""


class UnknownJob(JobError):
    """No such job in the project."""


class AlreadyFinished(JobError):
    """The job has ended, so that it cannot be cancelled; `state` says how."""

    def __init__(self, state: State) -> None:
        super().__init__("Cannot cancel an already completed job.", hint=f"It ended as {state.value}.")
        self.state = state


class StaleRevision(JobError):
    """Somebody else changed the labels or the policy since the caller read them."""


class Store:
    """One open job store; safe to use from any thread.

    Parameters:
        where: the path of its file, which is made when missing, mode 0600; or a database.

    Raises:
        StateFileBroken: the file is damaged, of another version or of another program. It is left as it is.
        JobError: the file cannot be opened or written.
    """

    def __init__(self, where: Path | Database) -> None:
        self._database: Database = SqliteFile(where) if isinstance(where, Path) else where
        self._closed = False
        self._idle: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        connection = self._database.open_writer()
        try:
            keys = connection.execute(sql.QUEUE_KEYS).fetchall()
        except sqlite3.Error as error:
            connection.close()
            raise self._database.explain(error) from error
        # Read before the writer starts, so that no move falls between.
        self._ranks = QueueRanks((-priority, time, uid) for priority, time, uid in keys)
        self._writer = GroupWriter(connection, self._database.explain)

    def close(self) -> None:
        """Finish the writes under way and close the file; safe to call twice."""
        self._writer.close()
        self._closed = True
        self._close_idle()

    # Questions.

    def get(self, project: str, job_id: str) -> Job | None:
        """Return the job of this name."""
        return self._job(sql.JOB_BY_NAME, project=project, job_id=job_id)

    def by_uid(self, uid: str) -> Job | None:
        """Return the job of this uid."""
        return self._job(sql.JOB_BY_UID, uid=uid)

    def page(self, project: str, *, after: tuple[float, str] | None, limit: int) -> list[Job]:
        """Return up to `limit` jobs, newest first, ties by job id, that follow the one at `after`.

        Parameters:
            after: (create_time, job_id) of the last job of the page before; None for the first page.
        """
        if after is None:
            return self._jobs(sql.PAGE_FIRST, project=project, limit=limit)
        return self._jobs(sql.PAGE_NEXT, project=project, time=after[0], job_id=after[1], limit=limit)

    def active(self) -> list[Job]:
        """Return the jobs that have an attempt: PREPARING, RUNNING, CANCELLING."""
        return self._jobs(sql.ACTIVE)

    def unswept(self) -> list[Job]:
        """Return the ended jobs whose last attempt was not cleaned up."""
        return self._jobs(sql.UNSWEPT)

    def overdue(self, now: float) -> list[Job]:
        """Return the QUEUED jobs that have waited longer than they may."""
        return self._jobs(sql.OVERDUE, now=now)

    def queue_heads(self, now: float, *, per_project: int) -> list[Job]:
        """Return the first queued jobs of each project that may start now, in no order between projects."""
        queued = self._database.shared or len(self._ranks) > 0
        projects = self._rows(sql.QUEUED_PROJECTS, {}) if queued else []
        heads: list[Job] = []
        for [project] in projects:
            heads += self._jobs(sql.QUEUE_HEAD, project=project, now=now, limit=per_project)
        return heads

    def position(self, job: Job) -> int:
        """Return the 1-based place of a job in the queue, 0 where it is not queued."""
        if not self._database.shared:
            return self._ranks.rank(job)
        values = {"priority": job.priority, "time": job.create_time, "uid": job.uid}
        [[place, listed]] = self._rows(sql.PLACE, values)
        return int(place) if listed else 0

    def events(self, uid: str) -> list[JobEvent]:
        """Return every move of a job, first to last."""
        return [event_from_row(row) for row in self._rows(sql.EVENTS, {"uid": uid})]

    def policy(self, resource: str) -> StoredPolicy | None:
        """Return the access policy that was set on a resource."""
        rows = self._rows(sql.POLICY, {"resource": resource})
        return _policy(rows[0]) if rows else None

    # Changes.

    def insert(self, new: NewJob, *, uid: str, now: float) -> Future[Job]:
        """Write a QUEUED job; the future is done when it is on disk, or holds `JobExists`.

        Raises:
            JobError: the document is no JSON, or the store is closed.
        """
        values = {
            "uid": uid,
            "project": new.project,
            "job_id": new.job_id,
            "document": to_json(new.document),
            "labels": to_json(new.labels),
            "priority": new.priority,
            "at": now,
            "reason": Reason.CREATED.value,
            "wait_deadline": None if new.wait_seconds is None else now + new.wait_seconds,
            "run_seconds": new.run_seconds,
        }

        def work(connection: sqlite3.Connection) -> Job:
            if one_job(connection, sql.JOB_BY_NAME, project=new.project, job_id=new.job_id) is not None:
                raise JobExists(
                    f"The job projects/{new.project}/jobs/{new.job_id} exists already.",
                    hint="Choose another jobId: an id is never used again, not even after the job ended.",
                )
            connection.execute(sql.INSERT_JOB, values)
            append_event(connection, uid, None, State.QUEUED, Reason.CREATED, now, new.actor)
            return known_job(connection, uid)

        return self._writer.submit(work, after=self._ranks.note)

    def transition(self, move: Move, *, claim: Claim | None = None) -> Job | None:
        """Make a move, and with `claim` take up a new attempt in the same transaction.

        Returns None where the job is in no state of `move.from_states` or has another revision: somebody
        else was first, which is no error. Contract: ml-jobs-service 5.2.1.

        Raises:
            IllegalMove: `TRANSITIONS` has no such move.
            JobError: the file cannot be written; nothing was changed.
        """
        return self.transitions([(move, claim)])[0]

    def transitions(self, moves: Sequence[tuple[Move, Claim | None]]) -> list[Job | None]:
        """Make several moves of different jobs in one transaction, each as `transition` does."""

        def work(connection: sqlite3.Connection) -> list[Job | None]:
            return [move_job(connection, move, claim) for move, claim in moves]

        return self._writer.submit(work, after=self._note_all).result()

    def restart(self, job: Job, claim: Claim) -> Job | None:
        """Give a RUNNING job its next attempt; None where the row changed meanwhile. That is no move."""

        def work(connection: sqlite3.Connection) -> Job | None:
            values = {"uid": job.uid, "revision": job.revision, **claim_values(claim)}
            changed = connection.execute(sql.SET_ATTEMPT, values).rowcount
            return known_job(connection, job.uid) if changed else None

        return self._writer.submit(work).result()

    def forget_ref(self, uid: str) -> None:
        """Note that nothing is left of the attempt of an ended job."""
        self._writer.submit(
            lambda connection: connection.execute(sql.FORGET_REF, {"uid": uid}).rowcount
        ).result()

    def set_output(self, uid: str, output: dict[str, Any]) -> Job | None:
        """Show what a job has done so far; None where it has ended."""
        values = {"uid": uid, "output": to_json(output)}

        def work(connection: sqlite3.Connection) -> Job | None:
            changed = connection.execute(sql.SET_OUTPUT, values).rowcount
            return known_job(connection, uid) if changed else None

        return self._writer.submit(work).result()

    def cancel(self, project: str, job_id: str, *, actor: str, now: float) -> Job:
        """Cancel a job: at once where it is QUEUED, else as a request that the scheduler carries out.

        Raises:
            UnknownJob: there is no such job.
            AlreadyFinished: it has ended. Contract: ml-jobs-service 5.2.5.
        """

        def work(connection: sqlite3.Connection) -> Job:
            job = _named(connection, project, job_id)
            if job.state.final:
                raise AlreadyFinished(job.state)
            if job.state is State.CANCELLING:
                return job
            queued = job.state is State.QUEUED
            move = Move(
                uid=job.uid,
                from_states={job.state},
                to=State.CANCELLED if queued else State.CANCELLING,
                reason=Reason.CANCELLED_BY_USER,
                at=now,
                actor=actor,
                error_message=CANCELLED_BY_USER,
            )
            return move_job(connection, move, None) or job

        return self._writer.submit(work, after=self._ranks.note).result()

    def patch_labels(
        self, project: str, job_id: str, labels: dict[str, str], *, expected_revision: int | None
    ) -> Job:
        """Replace the labels of a job, in any state.

        Parameters:
            expected_revision: the `labels_revision` the caller has seen; None overwrites blindly.

        Raises:
            UnknownJob: there is no such job.
            StaleRevision: the labels were changed meanwhile. Contract: ml-jobs-service 1.9.
        """
        text = to_json(labels)

        def work(connection: sqlite3.Connection) -> Job:
            job = _named(connection, project, job_id)
            _require_revision(job.labels_revision, expected_revision, job.name)
            connection.execute(sql.SET_LABELS, {"uid": job.uid, "labels": text})
            return known_job(connection, job.uid)

        return self._writer.submit(work).result()

    def set_policy(
        self, resource: str, document: dict[str, Any], *, expected_revision: int | None
    ) -> StoredPolicy:
        """Replace the access policy of a resource; `expected_revision` is 0 for one that was never set.

        Raises:
            StaleRevision: it was set meanwhile. Contract: ml-jobs-service 1.10.
        """
        text = to_json(document)

        def work(connection: sqlite3.Connection) -> StoredPolicy:
            row = connection.execute(sql.POLICY, {"resource": resource}).fetchone()
            current = 0 if row is None else int(row[1])
            _require_revision(current, expected_revision, resource)
            values = {"resource": resource, "document": text, "revision": current + 1}
            connection.execute(sql.SET_POLICY, values)
            return StoredPolicy(document=document, revision=current + 1)

        return self._writer.submit(work).result()

    # For stores of other resources that live in the same file.

    def write(self, work: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Run `work` in a transaction; the future is done when it is on disk, or holds what `work` raised.

        Raises:
            ServiceNotRunning: the store is closed.
        """
        return self._writer.submit(work)

    def read(self, statement: str, **values: object) -> list[Row]:
        """Return the rows of a question.

        Raises:
            JobError: the file cannot be read.
        """
        return self._rows(statement, values)

    # How reading works: a pool of connections, as many as ever read at once.

    def _note_all(self, jobs: list[Job | None]) -> None:
        for job in jobs:
            if job is not None:
                self._ranks.note(job)

    def _job(self, statement: str, **values: object) -> Job | None:
        rows = self._rows(statement, values)
        return job_from_row(rows[0]) if rows else None

    def _jobs(self, statement: str, **values: object) -> list[Job]:
        return [job_from_row(row) for row in self._rows(statement, values)]

    def _rows(self, statement: str, values: dict[str, object]) -> list[Row]:
        with self._reading() as connection:
            return connection.execute(statement, values).fetchall()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection()
        try:
            yield connection
        except sqlite3.Error as error:
            # Damage can show as almost any error; look for it before saying something else.
            self._database.diagnose(connection)
            raise self._database.explain(error) from error
        finally:
            self._idle.put(connection)
            if self._closed:
                self._close_idle()

    def _close_idle(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()

    def _connection(self) -> sqlite3.Connection:
        if self._closed:
            raise ServiceNotRunning(
                "The job service is stopped.", hint="Start it again and repeat the request."
            )
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            pass
        try:
            return self._database.open_reader()
        except sqlite3.Error as error:
            raise self._database.explain(error) from error


def _named(connection: sqlite3.Connection, project: str, job_id: str) -> Job:
    job = one_job(connection, sql.JOB_BY_NAME, project=project, job_id=job_id)
    if job is None:
        raise UnknownJob(
            f"There is no job projects/{project}/jobs/{job_id}.",
            hint="List the project's jobs to see their ids.",
        )
    return job


def _policy(row: Row) -> StoredPolicy:
    return StoredPolicy(document=msgspec.json.decode(row[0]), revision=row[1])


def _require_revision(current: int, expected: int | None, what: str) -> None:
    if expected is not None and expected != current:
        raise StaleRevision(
            f"{what} was changed by somebody else: its revision is {current}, not {expected}.",
            hint="Read it again, apply the change to what is there now, and repeat the request.",
        )
