"""The trials of tuning jobs as the job store holds them.

One thread writes them, the scheduler's; a trial that has ended is never changed again but for its reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tablecloud.jobs.model import State
from tablecloud.jobs.rows import Row, storable, to_json
from tablecloud.jobs.store import Store
from tablecloud.jobs.tables import create_tables
from tablecloud.jobs.tuning.metrics import Measurement
from tablecloud.jobs.tuning.space import Assignment

EARLY, WITH_JOB = "early", "job"
"""Why a trial is stopped: it is not worth going on, or its job ends."""

_COLUMNS = (
    "job_uid, trial_id, state, assignment, attempt, token, ref, user_restarts, not_before, start_time, "
    "end_time, stopping, stopped_early, error_message"
)
_OF_JOB = f"SELECT {_COLUMNS} FROM tuning_trials WHERE job_uid = :uid ORDER BY trial_id"
_METRICS = """
SELECT trial_id, step, at, value FROM tuning_metrics WHERE job_uid = :uid ORDER BY trial_id, step, at"""
# Of each trial the last report, by a look into the index instead of a walk through all reports.
_FINALS = """
SELECT m.trial_id, m.step, m.at, m.value
FROM tuning_trials t JOIN tuning_metrics m ON m.job_uid = t.job_uid AND m.trial_id = t.trial_id
WHERE t.job_uid = :uid AND (m.step, m.at) = (
  SELECT step, at FROM tuning_metrics WHERE job_uid = t.job_uid AND trial_id = t.trial_id
  ORDER BY step DESC, at DESC LIMIT 1)"""
_INSERT = f"""
INSERT INTO tuning_trials ({_COLUMNS})
VALUES (:job_uid, :trial_id, :state, :assignment, :attempt, :token, :ref, :user_restarts, :not_before,
        :start_time, :end_time, :stopping, :stopped_early, :error_message)"""
_UPDATE = """
UPDATE tuning_trials SET
  state = :state, attempt = :attempt, token = :token, ref = :ref, user_restarts = :user_restarts,
  not_before = :not_before, start_time = :start_time, end_time = :end_time, stopping = :stopping,
  stopped_early = :stopped_early, error_message = :error_message
WHERE job_uid = :job_uid AND trial_id = :trial_id AND end_time IS NULL"""
_FORGET = "UPDATE tuning_trials SET ref = NULL WHERE job_uid = :uid AND trial_id = :trial_id"
_REPORT = """
INSERT INTO tuning_metrics (job_uid, trial_id, step, at, value) VALUES (:uid, :trial_id, :step, :at, :value)
ON CONFLICT DO NOTHING"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One trial of a tuning job: one run of the job's whole layout."""

    job_uid: str
    trial_id: int
    state: State
    """As a job's, but never QUEUED."""
    assignment: Assignment
    attempt: int = 1
    token: str
    ref: dict[str, Any] | None
    """Finds the attempt again; written before anything of it starts, None once it was cleaned up."""
    user_restarts: int = 0
    not_before: float | None = None
    start_time: float | None = None
    end_time: float | None = None
    stopping: str | None = None
    """EARLY or WITH_JOB, once it was told to end."""
    stopped_early: bool = False
    error_message: str | None = None

    @property
    def uid(self) -> str:
        """What executors and logs know it by; no job has such a uid."""
        return f"{self.job_uid}-t{self.trial_id}"


class Trials:
    """Questions about trials, and changes of them, in the file of a job store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        create_tables(store, Path(__file__).with_name("tables.sql"))

    def of_job(self, uid: str) -> list[Trial]:
        """Return a job's trials by their ids."""
        return [_trial(row) for row in self._store.read(_OF_JOB, uid=uid)]

    def finals(self, uid: str) -> dict[int, Measurement]:
        """Return the final metric of each trial that reported any: of the greatest step, then the latest."""
        rows = self._store.read(_FINALS, uid=uid)
        return {trial_id: Measurement(step=step, at=at, value=value) for trial_id, step, at, value in rows}

    def metrics(self, uid: str) -> dict[int, list[Measurement]]:
        """Return what a job's trials reported, in order, by trial."""
        found: dict[int, list[Measurement]] = {}
        for trial_id, step, at, value in self._store.read(_METRICS, uid=uid):
            found.setdefault(trial_id, []).append(Measurement(step=step, at=at, value=value))
        return found

    def insert(self, trial: Trial) -> None:
        """Write a new trial."""
        values = _values(trial)
        self._store.write(lambda connection: connection.execute(_INSERT, values).rowcount).result()

    def update(self, trial: Trial) -> None:
        """Write what a trial is now; one that has ended stays as it is."""
        values = _values(trial)
        self._store.write(lambda connection: connection.execute(_UPDATE, values).rowcount).result()

    def report(self, trial: Trial, measurements: Sequence[Measurement]) -> None:
        """Write what a trial reported; what is known already is left out."""
        identity = {"uid": trial.job_uid, "trial_id": trial.trial_id}
        rows = [{**identity, "step": one.step, "at": one.at, "value": one.value} for one in measurements]
        self._store.write(lambda connection: connection.executemany(_REPORT, rows).rowcount).result()

    def forget_ref(self, trial: Trial) -> None:
        """Note that nothing is left of an ended trial's attempt."""
        values = {"uid": trial.job_uid, "trial_id": trial.trial_id}
        self._store.write(lambda connection: connection.execute(_FORGET, values).rowcount).result()


def _trial(row: Row) -> Trial:
    (job_uid, trial_id, state, assignment, attempt, token, ref, user_restarts, not_before, start_time,
     end_time, stopping, stopped_early, error_message) = row  # fmt: skip
    return Trial(
        job_uid=job_uid,
        trial_id=trial_id,
        state=State(state),
        assignment=msgspec.json.decode(assignment),
        attempt=attempt,
        token=token,
        ref=None if ref is None else msgspec.json.decode(ref),
        user_restarts=user_restarts,
        not_before=not_before,
        start_time=start_time,
        end_time=end_time,
        stopping=stopping,
        stopped_early=bool(stopped_early),
        error_message=error_message,
    )


def _values(trial: Trial) -> dict[str, object]:
    return {
        "job_uid": trial.job_uid,
        "trial_id": trial.trial_id,
        "state": trial.state.value,
        "assignment": to_json(trial.assignment),
        "attempt": trial.attempt,
        "token": trial.token,
        "ref": None if trial.ref is None else to_json(trial.ref),
        "user_restarts": trial.user_restarts,
        "not_before": trial.not_before,
        "start_time": trial.start_time,
        "end_time": trial.end_time,
        "stopping": trial.stopping,
        "stopped_early": int(trial.stopped_early),
        "error_message": storable(trial.error_message),
    }
