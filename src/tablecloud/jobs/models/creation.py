"""Carry out the creations of versions in threads, and take up those that an earlier process left.

An operation ends in the database alone: a creation that a crash interrupted is found there and done again.
Contract: ml-jobs-service 1.11, 1.12.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tablecloud.clock import Clock
from tablecloud.errors import JobError
from tablecloud.jobs.models.records import CANCELLED, INTERNAL, Failure, Operation
from tablecloud.jobs.models.stopping import Stopped, StopSwitch
from tablecloud.jobs.models.store import ModelStore
from tablecloud.jobs.models.validate import CreationFailed, Workshop, make_version

_RETRY_SECONDS = 5.0
_THREADS = 2
"""Creations at a time; each loads a whole model."""


class Creations:
    """The creations under way.

    Parameters:
        make: makes one version; for tests that need one that waits.
    """

    def __init__(
        self,
        store: ModelStore,
        workshop: Workshop,
        clock: Clock,
        *,
        make: Callable[..., str] = make_version,
    ) -> None:
        self._store = store
        self._workshop = workshop
        self._clock = clock
        self._make = make
        self._lock = threading.Lock()
        self._switches: dict[tuple[str, str], StopSwitch] = {}
        self._closing = threading.Event()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="version")

    def recover(self) -> None:
        """Remove the files of versions that are no more, and go on with the creations that have not ended."""
        # The folders first: a version that is created meanwhile is not among the known ones.
        folder = self._workshop.root / "models"
        found = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
        for uid in found - self._store.uids():
            self.remove_files(uid)
        for operation in self._store.pending():
            self.begin(operation)

    def begin(self, operation: Operation) -> None:
        """Start to create the version of an operation."""
        with self._lock:
            if self._closing.is_set():
                return  # the next start finds it
            switch = self._switches[operation.project, operation.id] = StopSwitch()
            if operation.cancel_requested:
                switch.press()
            self._threads.submit(self._work, operation, switch)

    def cancel(self, operation: Operation) -> None:
        """Ask for the end of a creation; one that has ended stays as it is."""
        self._store.request_cancel(operation)
        with self._lock:
            switch = self._switches.get((operation.project, operation.id))
        if switch is not None:
            switch.press()

    def remove_files(self, uid: str) -> None:
        """Remove a version's files."""
        shutil.rmtree(self._workshop.folder(uid), ignore_errors=True)

    def close(self) -> None:
        """Leave the creations under way to the next start; safe to call twice."""
        with self._lock:
            self._closing.set()
            switches = list(self._switches.values())
        for switch in switches:
            switch.press()
        self._threads.shutdown(cancel_futures=True)

    def _work(self, operation: Operation, switch: StopSwitch) -> None:
        while not self._closing.is_set():
            try:
                self._create(operation, switch)
                break
            except JobError as error:
                # The store cannot be written, for want of space perhaps; nothing is lost by trying again.
                _log(error)
                self._closing.wait(_RETRY_SECONDS)
        with self._lock:
            self._switches.pop((operation.project, operation.id), None)

    def _create(self, operation: Operation, switch: StopSwitch) -> None:
        version = self._store.version_by_uid(operation.version_uid or "")
        if version is None:
            return
        try:
            switch.check()
            self._store.start_operation(operation, now=self._clock.now())
            framework = self._make(self._workshop, version, switch)
            # A stop that came while the last step succeeded came too late.
            self._store.end_creation(operation, framework=framework, now=self._clock.now())
        except Stopped:
            if not self._closing.is_set():
                self._fail(operation, Failure(code=CANCELLED, message="The operation was cancelled."))
        except CreationFailed as error:
            self._fail(operation, error.failure)
        except JobError:
            raise
        except Exception as error:
            # Without an end the operation would be tried again at every start, and fail again.
            _log(error)
            self._fail(operation, Failure(code=INTERNAL, message="An internal error has occurred."))

    def _fail(self, operation: Operation, failure: Failure) -> None:
        self.remove_files(operation.version_uid or "")
        self._store.end_creation(operation, failure=failure, now=self._clock.now())


def _log(error: Exception) -> None:
    import logging

    logging.getLogger("tablecloud.jobs.models").error("the creation of a version failed", exc_info=error)
