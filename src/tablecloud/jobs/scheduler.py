"""The loop that moves jobs on: admits queued ones, tends running ones, cancels late ones.

One thread; it wakes at once when told to, looks at running attempts a few times a second, sleeps otherwise.
What starts is decided by `admission.decide`, what an attempt needs by `attempts`. Contract: ml-jobs-service
5.2, 5.4.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable

from tablecloud.clock import Clock
from tablecloud.jobs.admission import Capacity, Demand, decide, has_room
from tablecloud.jobs.attempts import Attempts, Layout
from tablecloud.jobs.executors.processes import WakePipe
from tablecloud.jobs.journal import Journal
from tablecloud.jobs.model import Job
from tablecloud.jobs.store import Store
from tablecloud.jobs.tuning.controller import Tuning
from tablecloud.jobs.tuning.spec import is_tuning

BUSY_SECONDS = 0.25
"""Between two looks at running attempts, where no wake-up comes first."""
IDLE_SECONDS = 1.0
PAUSE_SECONDS = 0.02
"""After a pass: a thousand creates a second must not make a thousand passes."""
PER_PROJECT = 32
"""Queued jobs of one project looked at in one pass; if all of them start, the next pass follows at once."""


def machine_capacity(cpus: float | None, memory_bytes: int | None, accelerators: int = 0) -> Capacity:
    """Return what jobs may use together: what was set, and what this machine has where nothing was."""
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Capacity(
        cpus=cpus if cpus is not None else float(len(os.sched_getaffinity(0))),
        memory_bytes=memory_bytes if memory_bytes is not None else installed,
        accelerators=accelerators,
    )


class Scheduler:
    """Moves the jobs of one store; `step` is one pass and may be called by hand instead of `start`.

    Parameters:
        tuning: drives the jobs that are many attempts; None where there are none.
        bell: wakes the loop; supervisors of attempts ring it as well.
        turn: whether this server is the one that moves the jobs of the store, where several share it.
        on_turn: called when that begins, before the first pass.
    """

    def __init__(
        self,
        *,
        store: Store,
        attempts: Attempts,
        layout: Layout,
        journal: Journal,
        capacity: Capacity,
        bell: WakePipe,
        clock: Clock,
        turn: Callable[[], bool] = lambda: True,
        on_turn: Callable[[], None] = lambda: None,
        tuning: Tuning | None = None,
    ) -> None:
        self._turn = turn
        self._on_turn = on_turn
        self._has_turn = False
        self._store = store
        self._attempts = attempts
        self._tuning = tuning
        self._layout = layout
        self._journal = journal
        self._capacity = capacity
        self._clock = clock
        self._demands: dict[str, Demand] = {}
        self._troubles: dict[str, str] = {}
        self._bell = bell
        self.trouble: str | None = None
        """What the last pass failed with; None when all is well."""
        self._drained = threading.Event()
        self._admitting = True
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to move jobs."""
        self._thread = threading.Thread(target=self._run, name="job-scheduler", daemon=True)
        self._thread.start()

    def stop(self, *, drain: bool = False) -> None:
        """End the loop; attempts go on. With `drain`, start nothing more and first wait for running jobs."""
        if self._thread is None:
            return
        if drain:
            self._admitting = False
            self.wake()
            self._drained.wait()
        self._stopping.set()
        self._drained.set()  # a stop without patience ends one that drains
        self._bell.wake()
        self._thread.join()

    def wake(self) -> None:
        """Make a pass now: something was created, cancelled, or ended."""
        # After the stop the bell may be closed, and its number may be another file's.
        if not self._stopping.is_set():
            self._bell.wake()

    def step(self) -> float:
        """Make one pass and return the seconds until the next one is due.

        Raises:
            JobError: the store cannot be read or written; the next pass tries again.
        """
        if not self._take_turn():
            # Nothing to wait for here: the jobs are another server's to end.
            if not self._admitting:
                self._drained.set()
            return IDLE_SECONDS
        for job in self._store.overdue(self._clock.now()):
            self._guard(job, self._attempts.expire)
        for job in self._store.active():
            self._guard(job, self._driver(job).tend)
        for job in self._store.unswept():
            self._guard(job, self._driver(job).sweep)
        more = self._admit() if self._admitting else False
        active = self._store.active()
        if not active and not self._admitting:
            self._drained.set()
        if more:
            return 0.0
        return BUSY_SECONDS if active else IDLE_SECONDS

    def _take_turn(self) -> bool:
        had, self._has_turn = self._has_turn, self._turn()
        if self._has_turn and not had:
            self._has_turn = False  # until this has worked
            self._on_turn()
            self._has_turn = True
        return self._has_turn

    def _run(self) -> None:
        while not self._stopping.is_set():
            delay = IDLE_SECONDS
            try:
                delay = self.step()
                self.trouble = None
            except Exception as error:  # such as a full disk; the loop must outlive it
                self.trouble = f"{type(error).__name__}: {error}"
            self._stopping.wait(PAUSE_SECONDS)
            self._bell.wait(delay)

    def _admit(self) -> bool:
        """Start what fits; say whether more may fit than was looked at."""
        now = self._clock.now()
        running = [self._demand(job) for job in self._store.active()]
        if not has_room(running, self._capacity):
            return False
        heads = {job.uid: job for job in self._store.queue_heads(now, per_project=PER_PROJECT)}
        queued = [self._demand(job) for job in heads.values()]
        self._demands = {demand.uid: demand for demand in (*running, *queued)}  # forgets those that are over
        chosen = decide(queued, running, self._capacity, now)
        for job in self._attempts.claim([heads[demand.uid] for demand in chosen]):
            self._guard(job, self._driver(job).tend)
        return bool(heads) and len(chosen) == len(heads)

    def _driver(self, job: Job) -> Attempts | Tuning:
        return self._tuning if self._tuning is not None and is_tuning(job.document) else self._attempts

    def _demand(self, job: Job) -> Demand:
        known = self._demands.get(job.uid)
        if known is not None and known.not_before == job.not_before:
            return known
        # A job that cannot be laid out asks for nothing: it is admitted, and fails with the reason. Whatever
        # is wrong with one document, the others go on.
        cpus, memory_bytes, accelerators = 0.0, 0, 0
        with contextlib.suppress(Exception):
            weight = self._layout.requirements(job)
            cpus, memory_bytes = weight.cpus, weight.memory_bytes
            accelerators = weight.accelerators
        return Demand(
            uid=job.uid,
            project=job.project,
            priority=job.priority,
            create_time=job.create_time,
            cpus=cpus,
            memory_bytes=memory_bytes,
            accelerators=accelerators,
            not_before=job.not_before,
        )

    def _guard(self, job: Job, work: Callable[[Job], None]) -> None:
        """Do something to one job so that its trouble is told in its log, once, and stops no other job."""
        try:
            work(job)
        except Exception as error:
            trouble = f"{type(error).__name__}: {error}"
            if self._troubles.get(job.uid) != trouble:
                self._troubles[job.uid] = trouble
                self._journal.note(job, f"The service will try again: {trouble}", severity="ERROR")
        else:
            self._troubles.pop(job.uid, None)
