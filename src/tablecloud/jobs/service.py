"""The job service: starts and stops its parts, and holds the functions that the API calls.

Safe to call from any thread. The contract of each function is the one of `store` and `scheduler` below it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tablecloud.clock import Clock, SystemClock
from tablecloud.errors import JobError, ServiceNotRunning
from tablecloud.jobs.accelerators import installed_accelerators
from tablecloud.jobs.attempts import Attempts, Layout
from tablecloud.jobs.executors import Executor
from tablecloud.jobs.executors.processes import WakePipe
from tablecloud.jobs.journal import Journal, Log
from tablecloud.jobs.model import Job, JobEvent, LogEntry, NewJob, StoredPolicy
from tablecloud.jobs.models.service import ModelService
from tablecloud.jobs.recovery import recover
from tablecloud.jobs.scheduler import Scheduler, machine_capacity
from tablecloud.jobs.settings import ServiceSettings
from tablecloud.jobs.store import AlreadyFinished, JobExists, StaleRevision, Store, UnknownJob
from tablecloud.jobs.studies.service import Studies
from tablecloud.jobs.tuning.controller import Tuning

__all__ = [
    "AlreadyFinished",
    "JobExists",
    "JobService",
    "NewJob",
    "ServiceSettings",
    "StaleRevision",
    "StoredPolicy",
    "UnknownJob",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What exists while the service runs."""

    lock: int
    bell: WakePipe
    store: Store
    scheduler: Scheduler
    journal: Journal
    models: ModelService
    studies: Studies
    give_up_turn: Callable[[], None]


class JobService:
    """One job service on one state root.

    Parameters:
        clock: for stamps and deadlines.
        executor: where attempts run; None is `ProcessExecutor`, on this machine.
        layout: how jobs become processes; None is `tablecloud.jobs.layout`.
        store_url: `postgresql://…` of a store that several services share; empty is a file below the root.
        home: where this service keeps its lock and its bell; None is the root. Services that share a root
            need one each.
        open_log: gives the log of a job's uid; None is `tablecloud.jobs.logs.JobLog` below the root.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        *,
        clock: Clock | None = None,
        executor: Executor | None = None,
        layout: Layout | None = None,
        open_log: Callable[[str], Log] | None = None,
        store_url: str = "",
        home: Path | None = None,
    ) -> None:
        self._store_url = store_url
        self._home = home or settings.root
        self._settings = settings
        self._clock = clock or SystemClock()
        self._executor = executor
        self._layout = layout
        self._open_log = open_log
        self._running: _Parts | None = None
        self._stopping = threading.Lock()

    def start(self) -> None:
        """Open the store, take up the attempts found, and begin to move jobs.

        Raises:
            StateFileBroken: the store's file cannot be used.
            JobError: another service works on this root, or the root cannot be written.
        """
        if self._running is not None:
            return
        with contextlib.ExitStack() as undo:
            lock = _lock_root(self._home)
            undo.callback(os.close, lock)
            bell = WakePipe(self._home)
            undo.callback(bell.close)
            store = self._open_store()
            undo.callback(store.close)
            self._running = self._assemble(lock, bell, store)
            undo.callback(self._running.models.stop)
            if not self._store_url:
                self._running.models.start()  # else it comes with the turn: others may be at them
            self._running.scheduler.start()
            undo.pop_all()

    def stop(self, *, drain: bool = False) -> None:
        """Stop; attempts go on and the next start finds them. Safe when stopped twice or never started.

        With `drain`, no further job is started and the running ones are waited for.
        """
        parts = self._running
        if parts is None:
            return
        parts.scheduler.stop(drain=drain)
        with self._stopping:
            if self._running is not parts:
                return
            parts.models.stop()
            parts.store.close()
            parts.give_up_turn()
            parts.bell.close()
            os.close(parts.lock)
            self._running = None

    @property
    def models(self) -> ModelService:
        """The models, while the service runs.

        Raises:
            ServiceNotRunning: it does not.
        """
        return self._parts().models

    def create(self, new: NewJob) -> Future[Job]:
        """Write a new job; the future is done when it is on disk, or holds `JobExists`.

        Raises:
            JobError: the document is no JSON, or the service is not running.
        """
        parts = self._parts()
        # Rounded so that the time survives its way through an RFC 3339 text of microseconds.
        now = round(self._clock.now(), 6)
        future = parts.store.insert(new, uid=secrets.token_hex(8), now=now)
        # Only when it is on disk: the scheduler would not see it before.
        future.add_done_callback(lambda _: parts.scheduler.wake())
        return future

    def get(self, project: str, job_id: str) -> Job | None:
        """Return a job."""
        return self._parts().store.get(project, job_id)

    def page(self, project: str, *, after: tuple[float, str] | None, limit: int) -> list[Job]:
        """Return the next jobs of a project after (create_time, job_id): newest first, ties by job id."""
        return self._parts().store.page(project, after=after, limit=limit)

    @property
    def settings(self) -> ServiceSettings:
        """What the service was told."""
        return self._settings

    def is_active(self, uid: str) -> bool:
        """Say whether there is a job of this uid that has not ended."""
        job = self._parts().store.by_uid(uid)
        return job is not None and not job.state.final

    def position(self, job: Job) -> int:
        """Return the 1-based place of a QUEUED job, 0 for any other. Contract: ml-jobs-service 5.4."""
        return self._parts().store.position(job)

    def patch_labels(
        self, project: str, job_id: str, labels: dict[str, str], *, expected_revision: int | None, actor: str
    ) -> Job:
        """Replace a job's labels.

        Raises:
            UnknownJob, StaleRevision: as `Store.patch_labels`.
        """
        parts = self._parts()
        job = parts.store.patch_labels(project, job_id, labels, expected_revision=expected_revision)
        parts.journal.note(job, f"Labels were replaced by {actor}.")
        return job

    def cancel(self, project: str, job_id: str, *, actor: str) -> Job:
        """Cancel a job, or ask for it.

        Raises:
            UnknownJob, AlreadyFinished: as `Store.cancel`.
        """
        parts = self._parts()
        job = parts.store.cancel(project, job_id, actor=actor, now=self._clock.now())
        if job.state.final:
            parts.journal.ended(job, job.state, job.error_message)
        parts.scheduler.wake()
        return job

    def trouble(self) -> str | None:
        """Return what keeps the scheduler from working now, such as a full disk; None when all is well."""
        return self._parts().scheduler.trouble

    def events(self, job: Job) -> list[JobEvent]:
        """Return every move of a job, first to last."""
        return self._parts().store.events(job.uid)

    def logs(
        self, project: str, job_id: str, *, after: int = 0, limit: int = 1000
    ) -> list[tuple[int, LogEntry]]:
        """Return up to `limit` lines of a job's log that follow the cursor `after`, each with its own cursor.

        Raises:
            UnknownJob: there is no such job.
        """
        parts = self._parts()
        job = parts.store.get(project, job_id)
        if job is None:
            raise UnknownJob(f"There is no job projects/{project}/jobs/{job_id}.")
        return parts.journal.open(job).read(after, limit)

    def policy(self, resource: str) -> StoredPolicy | None:
        """Return the access policy set on a resource."""
        return self._parts().store.policy(resource)

    def set_policy(
        self, resource: str, document: dict[str, Any], *, expected_revision: int | None
    ) -> StoredPolicy:
        """Replace the access policy of a resource.

        Raises:
            StaleRevision: as `Store.set_policy`.
        """
        return self._parts().store.set_policy(resource, document, expected_revision=expected_revision)

    @property
    def studies(self) -> Studies:
        """The studies, whose trials clients run themselves."""
        return self._parts().studies

    def project_number(self, project: str) -> int:
        """Return the number of a project: the digits themselves, else twelve digits derived from its id."""
        if project.isascii() and project.isdigit():
            return int(project)
        digest = hashlib.sha256(project.encode("utf-8", "surrogatepass")).digest()
        return 100_000_000_000 + int.from_bytes(digest[:8], "big") % 900_000_000_000

    def _parts(self) -> _Parts:
        if self._running is None:
            raise ServiceNotRunning(
                "The job service is not running.", hint="Start it and repeat the request."
            )
        return self._running

    def _assemble(self, lock: int, bell: WakePipe, store: Store) -> _Parts:
        settings = self._settings
        layout = self._layout or _layout_of(settings)
        journal = Journal(self._open_log or _logs_of(settings), self._clock)
        accelerators = settings.accelerators
        if accelerators is None:
            accelerators = installed_accelerators()
        executor = self._executor or _process_executor(settings, accelerators)
        attempts = Attempts(
            store=store,
            executor=executor,
            layout=layout,
            journal=journal,
            settings=settings,
            clock=self._clock,
        )
        tuning = Tuning(
            store=store,
            executor=executor,
            layout=layout,
            journal=journal,
            settings=settings,
            clock=self._clock,
        )
        models = ModelService(
            store,
            root=settings.root,
            serving=settings.serving,
            offline=settings.offline,
            clock=self._clock,
        )
        turn, give_up_turn = self._turn()

        def take_up() -> None:
            recover(store, attempts)
            if self._store_url:
                models.start()

        scheduler = Scheduler(
            store=store,
            attempts=attempts,
            layout=layout,
            journal=journal,
            capacity=machine_capacity(settings.cpus, settings.memory_bytes, len(accelerators)),
            bell=bell,
            clock=self._clock,
            turn=turn,
            on_turn=take_up,
            tuning=tuning,
        )
        return _Parts(
            lock=lock,
            bell=bell,
            store=store,
            scheduler=scheduler,
            journal=journal,
            models=models,
            studies=Studies(store, self._clock),
            give_up_turn=give_up_turn,
        )

    def _open_store(self) -> Store:
        if not self._store_url:
            return Store(self._settings.root / "jobs.sqlite")
        from tablecloud.jobs.store_postgres import PostgresDatabase

        return Store(PostgresDatabase(self._store_url))

    def _turn(self) -> tuple[Callable[[], bool], Callable[[], None]]:
        """Return how to ask whether this service moves the jobs, and how to give that up."""
        if not self._store_url:
            return lambda: True, lambda: None  # the lock of the root says it
        from tablecloud.jobs.store_postgres import PostgresTurn

        turn = PostgresTurn(self._store_url)
        return turn, turn.close


def _layout_of(settings: ServiceSettings) -> Layout:
    from tablecloud.jobs import layout
    from tablecloud.jobs.builtin.layout import with_builtin
    from tablecloud.jobs.gcs.credentials import with_storage
    from tablecloud.jobs.models.lookup import find_source
    from tablecloud.jobs.prediction.layout import with_prediction

    training = Layout(
        build=lambda job, attempt, token: layout.build_attempt(job, attempt, token, settings),
        requirements=layout.requirements,
    )
    trained = with_builtin(training, settings.root)
    every = with_prediction(trained, settings, lambda name: find_source(settings.root, name))
    return replace(
        every,
        build=lambda job, attempt, token: with_storage(every.build(job, attempt, token), settings),
    )


def _logs_of(settings: ServiceSettings) -> Callable[[str], Log]:
    from tablecloud.jobs.logs import JobLog

    return lambda uid: JobLog(settings.root, uid)


def _process_executor(settings: ServiceSettings, accelerators: tuple[str, ...]) -> Executor:
    from tablecloud.jobs.executors.process import ProcessExecutor

    return ProcessExecutor(settings.root, accelerators)


# A server that is killed while it starts a supervisor leaves a copy of its lock with that process, until
# that one becomes its own program a moment later.
_LOCK_SECONDS = 1.0


def _lock_root(root: Path) -> int:
    """Make the root and hold it; two schedulers on one root would start everything twice.

    Raises:
        JobError: another process holds it, or it cannot be made.
    """
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(root / "service.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise JobError(
            f"The job service cannot use {root}: {error.strerror}.",
            hint="Choose a folder you can write.",
        ) from error
    until = time.monotonic() + _LOCK_SECONDS
    while not _locked(lock):
        if time.monotonic() > until:
            os.close(lock)
            raise JobError(f"Another job service works on {root}.", hint="Stop it, or choose another root.")
        time.sleep(0.01)
    return lock


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
