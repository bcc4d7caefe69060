"""The one function that changes a job's state, inside a transaction of the store.

Compare-and-set: the row must still be what the mover saw, `TRANSITIONS` must know the move, and the event is
written with it. Contract: ml-jobs-service 5.2.1.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from tablecloud.errors import JobError
from tablecloud.jobs import statements as sql
from tablecloud.jobs.model import TRANSITIONS, Job, Reason, State
from tablecloud.jobs.rows import job_from_row, storable, to_json


class IllegalMove(JobError):
    """A defect of the service: a move that no job may make."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A change of state to attempt.

    `revision` None compares the states only. `started` is when the program began, for moves to RUNNING.
    """

    uid: str
    from_states: Collection[State]
    to: State
    reason: Reason
    at: float
    actor: str
    revision: int | None = None
    error_message: str | None = None
    started: float | None = None
    not_before: float | None = None
    output: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A new attempt of a job: what is written before anything of it starts."""

    attempt: int
    token: str
    executor: str
    ref: dict[str, Any]
    user_restarts: int = 0
    not_before: float | None = None


def move_job(connection: sqlite3.Connection, move: Move, claim: Claim | None) -> Job | None:
    """Make a move, with `claim` to a new attempt; None where the job is no longer what the mover saw.

    Raises:
        IllegalMove: `TRANSITIONS` has no such move.
    """
    job = one_job(connection, sql.JOB_BY_UID, uid=move.uid)
    if job is None or job.state not in move.from_states or move.revision not in (None, job.revision):
        return None
    if move.to not in TRANSITIONS[job.state]:
        raise IllegalMove(f"The job {job.name} may not go from {job.state.value} to {move.to.value}.")
    values = {
        "uid": job.uid,
        "revision": job.revision,
        "to": move.to.value,
        "final": move.to.final,
        "reason": move.reason.value,
        "at": move.at,
        "error_message": storable(move.error_message),
        "started": move.at if move.started is None else move.started,
        "not_before": move.not_before,
        "output": None if move.output is None else to_json(move.output),
    }
    if claim is not None:
        connection.execute(sql.SET_ATTEMPT, {"uid": job.uid, "revision": job.revision, **claim_values(claim)})
        values["revision"] = job.revision + 1
    # The revision in the WHERE is a second lock: this transaction is the only writer already.
    connection.execute(sql.MOVE_JOB, values)
    append_event(connection, job.uid, job.state, move.to, move.reason, move.at, move.actor)
    return known_job(connection, job.uid)


def claim_values(claim: Claim) -> dict[str, object]:
    """Return the values that `SET_ATTEMPT` needs of a claim."""
    return {
        "attempt": claim.attempt,
        "token": claim.token,
        "executor": claim.executor,
        "ref": to_json(claim.ref),
        "user_restarts": claim.user_restarts,
        "not_before": claim.not_before,
    }


def append_event(
    connection: sqlite3.Connection,
    uid: str,
    from_state: State | None,
    to: State,
    reason: Reason,
    at: float,
    actor: str,
) -> None:
    """Write the next event of a job."""
    values = {
        "uid": uid,
        "from": None if from_state is None else from_state.value,
        "to": to.value,
        "reason": reason.value,
        "at": at,
        "actor": actor,
    }
    connection.execute(sql.INSERT_EVENT, values)


def one_job(connection: sqlite3.Connection, statement: str, **values: object) -> Job | None:
    """Return the job that a statement finds."""
    row = connection.execute(statement, values).fetchone()
    return None if row is None else job_from_row(row)


def known_job(connection: sqlite3.Connection, uid: str) -> Job:
    """Return the job of a uid that is there for certain."""
    job = one_job(connection, sql.JOB_BY_UID, uid=uid)
    if job is None:
        raise IllegalMove(f"The job with the uid {uid} vanished while it was being changed.")
    return job
