"""Keep the worker processes of the served versions: started when first asked, ended when idle.

Safe to use from any thread. Contract: ml-jobs-service 4.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from tablecloud.errors import JobError, ServiceNotRunning
from tablecloud.jobs.serving.process import ModelError, ModelSource, WorkerLost, WorkerProcess, WorkerSilent
from tablecloud.jobs.serving.settings import ServingSettings

_REAP_SECONDS = 15.0


class Busy(JobError):
    """More requests than may run and wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One version as the pool sees it."""

    key: str
    """Unique for ever: the version's uid."""
    source: ModelSource
    nodes: int = 1
    """Workers it may have."""
    keep: bool = False
    """Whether idle workers stay."""


class Pool:
    """The workers of all versions.

    Parameters:
        now: a monotonic clock; decides when a worker is idle for too long.
    """

    def __init__(self, settings: ServingSettings, *, now: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._now = now
        self._lock = threading.Lock()
        self._versions: dict[str, _Nodes] = {}
        self._waiting = 0
        self._closed = threading.Event()
        self._threads = ThreadPoolExecutor(settings.total_concurrency, thread_name_prefix="predict")
        self._reaper: threading.Thread | None = None

    def ask(self, deployment: Deployment, frame: bytes) -> Future[bytes]:
        """Send one request (JSON of `worker`) to a version; the future holds the JSON of its reply.

        The future raises `ModelError`, `WorkerLost` or `WorkerSilent`.

        Raises:
            Busy: too many requests wait already.
            ServiceNotRunning: the pool is closed.
        """
        with self._lock:
            if self._closed.is_set():
                raise ServiceNotRunning("Prediction is stopped.", hint="Start the service again.")
            nodes = self._versions.get(deployment.key)
            if nodes is None:
                nodes = self._versions[deployment.key] = _Nodes(deployment, self._settings)
            nodes.deployment = deployment  # its scaling may have changed
            self._take_seat(nodes)
            self._start_reaper()
            future = self._threads.submit(self._answer, nodes, frame)
        future.add_done_callback(lambda _: self._leave_seat(nodes))
        return future

    def forget(self, key: str) -> None:
        """End the workers of a version; requests under way get `WorkerLost`."""
        with self._lock:
            nodes = self._versions.pop(key, None)
        if nodes is not None:
            nodes.close()

    def reap(self) -> None:
        """End the workers that have been idle for too long."""
        with self._lock:
            everyone = list(self._versions.values())
        for nodes in everyone:
            nodes.reap(self._now() - self._settings.idle_seconds)

    def close(self) -> None:
        """End all workers; safe to call twice."""
        with self._lock:
            self._closed.set()
            everyone = list(self._versions.values())
            self._versions.clear()
        for nodes in everyone:
            nodes.close()
        self._threads.shutdown(cancel_futures=True)
        if self._reaper is not None:
            self._reaper.join()

    def _take_seat(self, nodes: _Nodes) -> None:
        if nodes.seats >= self._settings.concurrency or self._waiting >= self._settings.total_concurrency:
            raise Busy("Too many predictions are under way.", hint="Repeat the request after a while.")
        nodes.seats += 1
        self._waiting += 1

    def _leave_seat(self, nodes: _Nodes) -> None:
        with self._lock:
            nodes.seats -= 1
            self._waiting -= 1

    def _answer(self, nodes: _Nodes, frame: bytes) -> bytes:
        deadline = time.monotonic() + self._settings.predict_timeout
        worker, loading = nodes.take(deadline)
        try:
            reply = worker.ask(frame, timeout=deadline + loading - time.monotonic())
        except WorkerLost:
            nodes.drop(worker)
            raise
        except ModelError:
            nodes.give(worker, self._now())
            raise
        nodes.give(worker, self._now())
        return reply

    def _start_reaper(self) -> None:
        if self._reaper is None:
            self._reaper = threading.Thread(target=self._reap_all, name="predict-reaper", daemon=True)
            self._reaper.start()

    def _reap_all(self) -> None:
        while not self._closed.wait(_REAP_SECONDS):
            self.reap()


class _Nodes:
    """The workers of one version; `seats` and `deployment` are the pool's to change."""

    def __init__(self, deployment: Deployment, settings: ServingSettings) -> None:
        self.seats = 0
        self.deployment = deployment
        self._load_timeout = settings.load_timeout
        self._most_nodes = settings.most_nodes
        self._changed = threading.Condition()
        self._idle: list[tuple[WorkerProcess, float]] = []
        self._live: set[WorkerProcess] = set()
        self._starting = 0
        self._closed = False

    def take(self, deadline: float) -> tuple[WorkerProcess, float]:
        """Return a free worker, and the seconds that its loading took.

        Raises:
            WorkerSilent: none became free in time, or the model did not load in time.
            WorkerLost, ModelError: a new one could not be started, or could not load the model.
        """
        with self._changed:
            while not self._closed and not self._idle and self._full():
                if not self._changed.wait(deadline - time.monotonic()):
                    raise WorkerSilent("All workers of the version were busy.")
            if self._closed:
                raise _removed()
            if self._idle:
                return self._idle.pop()[0], 0.0
            self._starting += 1
        began = time.monotonic()
        worker = self._started()
        try:
            worker.load(timeout=self._load_timeout)
        except JobError:
            self.drop(worker)
            raise
        return worker, time.monotonic() - began

    def give(self, worker: WorkerProcess, now: float) -> None:
        """Take a worker back."""
        with self._changed:
            if not self._closed:
                self._idle.append((worker, now))
                self._changed.notify()
                return
        self.drop(worker)

    def drop(self, worker: WorkerProcess) -> None:
        """Take back a worker that is of no more use."""
        worker.close()
        with self._changed:
            self._live.discard(worker)
            self._changed.notify()

    def reap(self, unused_since: float) -> None:
        """End the workers that nobody used since."""
        if self.deployment.keep:
            return
        with self._changed:
            old = [worker for worker, since in self._idle if since <= unused_since]
            self._idle = [(worker, since) for worker, since in self._idle if since > unused_since]
        for worker in old:
            self.drop(worker)

    def close(self) -> None:
        """End all; whoever waits or asks is told."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
            busy = self._live.difference(worker for worker, _ in idle)
            self._changed.notify_all()
        for worker, _ in idle:
            self.drop(worker)
        for worker in busy:
            worker.kill()  # whoever asks it drops it

    def _full(self) -> bool:
        limit = max(1, min(self.deployment.nodes, self._most_nodes))
        return len(self._live) + self._starting >= limit

    def _started(self) -> WorkerProcess:
        worker: WorkerProcess | None = None
        try:
            worker = WorkerProcess(self.deployment.source)
        finally:
            with self._changed:
                self._starting -= 1
                self._changed.notify()
                if worker is not None and not self._closed:
                    self._live.add(worker)
        if self._closed:
            worker.close()
            raise _removed()
        return worker


def _removed() -> WorkerLost:
    return WorkerLost("The version is no longer served.")
