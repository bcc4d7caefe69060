"""One thread that writes for all: it drains its queue into one transaction, commits, then answers all.

This is what makes many durable creates a second possible: the disk is flushed once for all that waited. Each
item runs below its own savepoint, so one that fails (a job id that exists) leaves the others alone.
"""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar, cast

from tablecloud.errors import JobError, ServiceNotRunning
from tablecloud.jobs import statements as sql

T = TypeVar("T")

MOST_ITEMS = 512
"""In one transaction: bounds how long the first of them waits."""


class GroupWriter:
    """Owns the one connection that writes.

    Parameters:
        connection: open, in autocommit mode; closed by `close`.
        explain: turns what the connection raised into the error to raise.
    """

    def __init__(self, connection: sqlite3.Connection, explain: Callable[[sqlite3.Error], JobError]) -> None:
        self._connection = connection
        self._explain = explain
        self._queue: queue.SimpleQueue[_Item[object] | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="job-store-writer", daemon=True)
        self._thread.start()

    def submit(
        self, work: Callable[[sqlite3.Connection], T], *, after: Callable[[T], None] | None = None
    ) -> Future[T]:
        """Run `work` inside the next transaction; the future is done once that is on disk.

        The future holds what `work` raised, or `JobError` where the transaction could not be committed.
        `after` is called with the result when it is on disk and before anybody is told; it must not fail.

        Raises:
            ServiceNotRunning: the writer is closed.
        """
        item = _Item(work, after)
        with self._closing:
            if self._closed:
                raise ServiceNotRunning(
                    "The job service is stopped.", hint="Start it again and repeat the request."
                )
            self._queue.put(item)  # type: ignore[arg-type]
        return item.future

    def close(self) -> None:
        """Write what is queued, then stop; safe to call twice."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            items, more = self._drain(first)
            self._commit(items)
            if not more:
                return

    def _drain(self, first: _Item[object]) -> tuple[list[_Item[object]], bool]:
        """Collect what is queued by now, and say whether to go on afterwards."""
        items = [first]
        while len(items) < MOST_ITEMS:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return items, True
            if item is None:
                return items, False
            items.append(item)
        return items, True

    def _commit(self, items: list[_Item[object]]) -> None:
        try:
            self._connection.execute(sql.BEGIN)
            for item in items:
                item.run(self._connection)
            self._connection.execute(sql.COMMIT)
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):  # the failure itself may have rolled back already
                self._connection.execute(sql.ROLLBACK)
            for item in items:
                item.error = error
        for item in items:
            if isinstance(item.error, sqlite3.Error):
                item.error = self._explain(item.error)
            item.answer()


class _Item(Generic[T]):
    """One piece of work and its answer, which is held back until the commit."""

    def __init__(self, work: Callable[[sqlite3.Connection], T], after: Callable[[T], None] | None) -> None:
        self.future: Future[T] = Future()
        self.error: BaseException | None = None
        self._work = work
        self._after = after
        self._result: T | None = None
        self._cancelled = False

    def run(self, connection: sqlite3.Connection) -> None:
        """Do the work below a savepoint; raises only what makes the whole transaction void."""
        if not self.future.set_running_or_notify_cancel():
            self._cancelled = True
            return
        connection.execute(sql.SAVE)
        try:
            self._result = self._work(connection)
        except sqlite3.OperationalError:
            raise  # the disk, not this item
        except Exception as error:
            if not connection.in_transaction:
                raise
            self.error = error
            connection.execute(sql.UNDO)
        connection.execute(sql.KEEP)

    def answer(self) -> None:
        """Hand the result, or the failure, to whoever waits."""
        if self._cancelled:
            return
        if self.error is not None:
            self._fail(self.error)
            return
        result = cast("T", self._result)
        if self._after is not None:
            self._after(result)
        self.future.set_result(result)

    def _fail(self, error: BaseException) -> None:
        # When BEGIN failed, nobody has claimed the future yet and its owner may have cancelled it.
        if self.future.running() or self.future.set_running_or_notify_cancel():
            self.future.set_exception(error)
