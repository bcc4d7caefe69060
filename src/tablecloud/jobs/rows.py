"""Rows of the job store as `Job` and `JobEvent`, and back. Pure. The order of columns: `JOB_COLUMNS`."""

from __future__ import annotations

from typing import Any

import msgspec

from tablecloud.errors import JobError
from tablecloud.jobs.model import Job, JobEvent, Reason, State

Row = tuple[Any, ...]


def job_from_row(row: Row) -> Job:
    """Read one row of `jobs`."""
    (uid, project, job_id, state, document, labels, labels_revision, revision, priority, create_time,
     start_time, end_time, error_message, reason, attempt, executor, ref, token, user_restarts, not_before,
     wait_deadline, run_deadline, cancel_reason, output) = row  # fmt: skip
    return Job(
        uid=uid,
        project=project,
        job_id=job_id,
        state=State(state),
        document=msgspec.json.decode(document),
        labels=msgspec.json.decode(labels),
        labels_revision=labels_revision,
        revision=revision,
        priority=priority,
        create_time=create_time,
        start_time=start_time,
        end_time=end_time,
        error_message=error_message,
        reason=Reason(reason),
        attempt=attempt,
        executor=executor,
        ref=_optional(ref),
        token=token,
        user_restarts=user_restarts,
        not_before=not_before,
        wait_deadline=wait_deadline,
        run_deadline=run_deadline,
        cancel_reason=None if cancel_reason is None else Reason(cancel_reason),
        output=_optional(output),
    )


def event_from_row(row: Row) -> JobEvent:
    """Read one row of `job_events`."""
    uid, seq, from_state, to_state, reason, at, actor = row
    return JobEvent(
        job_uid=uid,
        seq=seq,
        from_state=None if from_state is None else State(from_state),
        to_state=State(to_state),
        reason=Reason(reason),
        at=at,
        actor=actor,
    )


def to_json(value: object) -> str:
    """Return a JSON document as text.

    Raises:
        JobError: it holds something that JSON cannot say.
    """
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError) as error:
        raise JobError(
            f"A part of the job cannot be stored: {error}.", hint="Send plain JSON values in valid Unicode."
        ) from error


def storable(text: str | None) -> str | None:
    """Return `text` without what SQLite cannot hold; programs print anything, and messages quote them."""
    return None if text is None else text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def _optional(text: str | None) -> dict[str, Any] | None:
    return None if text is None else msgspec.json.decode(text)
