"""What statements run on and under which terms: transport, endpoints, limits, what a failed call means."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from tablecloud.clock import Clock, SystemClock
from tablecloud.duck import DatabaseSettings

if TYPE_CHECKING:
    from pathlib import Path

    from tablecloud.catalog.model import Resource
    from tablecloud.rest.messages import Progress
    from tablecloud.rest.retry import RetryPolicy
    from tablecloud.rest.transport import Transport


class OnError(StrEnum):
    """What becomes of a statement when a call fails (architecture section 6)."""

    PARTIAL = "partial"
    """The rows there are, a notice for each failed call, and `Result.failure`."""
    STRICT = "strict"
    """The statement fails with the first failed call."""
    IGNORE = "ignore"
    """Notices only."""


class Cancellation:
    """One statement's way to be ended from any thread, whatever it is doing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._actions: list[Callable[[], None]] = []
        self._cancelled = False

    def on_cancel(self, action: Callable[[], None]) -> None:
        """Have a function called when the statement is cancelled; at once if it is already."""
        with self._lock:
            late = self._cancelled
            self._actions.append(action)
        if late:
            action()

    def cancel(self) -> None:
        """End the statement; whoever runs it gets `Cancelled`."""
        with self._lock:
            self._cancelled = True
            actions = list(self._actions)
        for action in actions:
            action()


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageSettings:
    """Where provider packages come from, where they go, and what is told when they change."""

    registry: str
    """JSON or an address, as `--registry` takes it; empty is the public registry."""
    root: Path
    """The application root."""
    changed: Callable[[], None]
    """Called after a package was put in use or removed."""
    progress: Callable[[str, int, int], None] | None = None
    """Told (what, done, total) while a package is unpacked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Everything that running a statement needs beside its plan."""

    transport: Transport
    root_url: Callable[[Resource], str]
    """Where a resource's service is; called at the first call, for it may have to start the service."""
    shown_root: Callable[[Resource], str] = lambda resource: resource.root_url
    """The same as people read it in EXPLAIN; starts nothing."""
    policy: RetryPolicy
    clock: Clock = field(default_factory=SystemClock)
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    cancellation: Cancellation = field(default_factory=lambda: Cancellation())
    reads_in_flight: int = 256
    """Calls of one scan that are under way at once; the transport limits them further by host."""
    writes_in_flight: int = 8
    """Calls of one mutation that are under way at once."""
    page_limit: int = 0
    """Pages of one read at most; 0 reads all. What is cut off is a notice."""
    row_limit: int = 0
    """Rows of one read at most; 0 reads all."""
    on_error: OnError = OnError.PARTIAL
    dry_run: bool = False
    progress: Callable[[Progress], None] | None = None
    packages: PackageSettings | None = None
    """What REGISTRY statements work on; None where there is no catalog on disk."""
