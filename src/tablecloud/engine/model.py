"""What statements run on and under which terms: transport, endpoints, limits, and what a failed call means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from tablecloud.clock import Clock, SystemClock
from tablecloud.duck import DatabaseSettings

if TYPE_CHECKING:
    from tablecloud.catalog.model import Resource
    from tablecloud.rest.messages import Progress
    from tablecloud.rest.retry import RetryPolicy
    from tablecloud.rest.transport import Transport


class OnError(str, Enum):
    """What becomes of a statement when a call fails (architecture section 6)."""

    PARTIAL = "partial"
    """The rows there are, a notice for each failed call, and `Result.failure`."""
    STRICT = "strict"
    """The statement fails with the first failed call."""
    IGNORE = "ignore"
    """Notices only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Everything that running a statement needs beside its plan."""

    transport: Transport
    root_url: Callable[[Resource], str]
    """Where a resource's service is; called at the first call, for it may have to start the service."""
    policy: RetryPolicy
    clock: Clock = field(default_factory=SystemClock)
    database: DatabaseSettings = DatabaseSettings()
    reads_in_flight: int = 256
    """Calls of one scan that are under way at once; the transport limits them further by host."""
    writes_in_flight: int = 8
    """Calls of one mutation that are under way at once."""
    on_error: OnError = OnError.PARTIAL
    dry_run: bool = False
    progress: Callable[[Progress], None] | None = None
