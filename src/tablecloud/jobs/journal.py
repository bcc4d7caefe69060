"""The service's own lines in a job's log: what a person following the log reads between the program's lines.

Contract: ml-jobs-service 2.6 (texts and their order). A log that cannot be written never stops a job.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Protocol

from tablecloud.clock import Clock
from tablecloud.jobs.model import Job, LogEntry, State

TASK = "service"
"""The task name of these lines."""

_QUEUED = ("Validating job requirements...", "Job creation request has been successfully validated.")
_CLAIMED = (
    "Waiting for job to be provisioned.",
    "Waiting for training program to start.",
    "Job is preparing.",
)
_TORN_DOWN = "Finished tearing down training program."


class Log(Protocol):
    """A job's log as `logs.JobLog` offers it."""

    def append(self, entry: LogEntry) -> None:
        """Add a line."""

    def read(self, after: int, limit: int) -> list[tuple[int, LogEntry]]:
        """Return lines with their cursors."""

    def tail(self, count: int) -> list[LogEntry]:
        """Return the last lines."""


class Journal:
    """Writes those lines.

    Parameters:
        open_log: gives the log of a job's uid.
    """

    def __init__(self, open_log: Callable[[str], Log], clock: Clock) -> None:
        self._open = open_log
        self._clock = clock
        self._opening = threading.Lock()

    def open(self, job: Job) -> Log:
        """Return a job's log, begun with the lines of its creation.

        They are written when somebody first looks or the job first moves, so that `create` costs no file.
        """
        log = self._open(job.uid)
        # Two readers of a new log must not both begin it.
        with self._opening, contextlib.suppress(OSError):
            if not log.read(0, 1):
                for text in (*_QUEUED, f"Job {job.job_id} is queued."):
                    log.append(_line(job.create_time, text))
        return log

    def claimed(self, job: Job) -> None:
        """Say that an attempt is being prepared."""
        self._write(job, *_CLAIMED)

    def ended(self, job: Job, state: State, message: str | None) -> None:
        """Say how the job ends; written before the move, because readers stop at `endTime`."""
        if job.attempt:
            self._write(job, _TORN_DOWN)
        if state is State.SUCCEEDED:
            self._write(job, "Job completed successfully.")
        else:
            severity = "ERROR" if state is State.FAILED else "INFO"
            self._write(job, message or f"Job {state.value.lower()}.", severity=severity)

    def note(self, job: Job, *texts: str, severity: str = "INFO") -> None:
        """Say anything else."""
        self._write(job, *texts, severity=severity)

    def output(self, job: Job, lines: int = 200) -> list[str]:
        """Return the last lines that the job's programs wrote."""
        with contextlib.suppress(OSError):
            return [entry.message for entry in self._open(job.uid).tail(lines) if entry.task != TASK]
        return []

    def _write(self, job: Job, *texts: str, severity: str = "INFO") -> None:
        with contextlib.suppress(OSError):
            log = self.open(job)
            for text in texts:
                log.append(_line(self._clock.now(), text, severity))


def _line(at: float, text: str, severity: str = "INFO") -> LogEntry:
    return LogEntry(at=at, severity=severity, task=TASK, message=text)
