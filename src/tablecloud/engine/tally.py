"""Keeps count of one statement's calls, and decides when failed calls fail the statement.

Scans and mutations report here; the decision is made in one place.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tablecloud.engine.model import OnError
from tablecloud.engine.result import Notice, QueryStats
from tablecloud.errors import RemoteError, RemoteNotFound

if TYPE_CHECKING:
    from tablecloud.catalog.model import Method, Resource


class Tally:
    """Notices, statistics and failures of one statement. Thread-safe.

    Parameters:
        on_error: what a failed call means.
        parts: how many scans will report their end.
    """

    def __init__(self, on_error: OnError, parts: int = 0) -> None:
        self.on_error = on_error
        self.notices: list[Notice] = []
        self.stats = QueryStats()
        self.first_failure: RemoteError | None = None
        self.fatal: BaseException | None = None
        """What ends the statement: DuckDB only carries its text through."""
        self._lock = threading.Lock()
        self._parts = parts
        self._succeeded = self._failed = 0

    def sent(self) -> None:
        """Count a call that begins."""
        with self._lock:
            self.stats.calls += 1

    def page(self, size: int) -> None:
        """Count a page of so many bytes."""
        with self._lock:
            self.stats.pages += 1
            self.stats.bytes += size

    def retried(self, count: int) -> None:
        """Count retries of a call that is over."""
        with self._lock:
            self.stats.retries += count

    def succeeded(self, count: int = 1) -> None:
        """Count a call that ended well, or has brought something so far; -1 takes that back."""
        with self._lock:
            self._succeeded += count

    def note(self, notice: Notice) -> None:
        """Keep a notice."""
        with self._lock:
            self.notices.append(notice)

    def failed(
        self, error: RemoteError, resource: Resource, method: Method, arguments: Mapping[str, Any]
    ) -> None:
        """Count a failed call and keep a notice of it.

        Raises:
            RemoteError: the error itself, where the mode is strict.
        """
        self.note(notice_of(error, resource, method, arguments, severity="error"))
        with self._lock:
            self._failed += 1
            self.first_failure = self.first_failure or error
        if self.on_error is OnError.STRICT:
            raise error

    def missing(
        self, error: RemoteNotFound, resource: Resource, method: Method, arguments: Mapping[str, Any]
    ) -> None:
        """Note a thing asked for by its full key that is not there: no rows, and no failure."""
        self.note(notice_of(error, resource, method, arguments, severity="info"))
        self.succeeded()

    def part_ended(self) -> None:
        """Count a scan that is over.

        Raises:
            RemoteError: it was the last one, and no call of the statement succeeded.
        """
        with self._lock:
            self._parts -= 1
            last = self._parts <= 0
        if last:
            self.settle()

    def settle(self) -> None:
        """Decide at the end.

        Raises:
            RemoteError: the first failure, where every call failed and the mode is not `ignore`.
        """
        if self.first_failure and not self._succeeded and self.on_error is not OnError.IGNORE:
            raise self.first_failure


def notice_of(
    error: RemoteError, resource: Resource, method: Method, arguments: Mapping[str, Any], *, severity: str
) -> Notice:
    """Return the notice of a call that failed."""
    return Notice(
        severity=severity,
        provider=resource.provider,
        method=method_name(resource, method),
        arguments=dict(arguments),
        message=error.message,
        status=error.status,
        code=error.code,
        hint=error.hint,
        call=error.call,
    )


def method_name(resource: Resource, method: Method) -> str:
    """Return a method's name with its provider: `google.ml.projects.jobs.list`."""
    prefix = f"{resource.provider}."
    return method.id if method.id.startswith(prefix) else prefix + method.id
