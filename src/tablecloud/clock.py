"""Time, behind a protocol so that tests move it by hand."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Wall time for stamps and deadlines, monotonic time for waits."""

    def now(self) -> float:
        """Return seconds since the epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds of a clock that never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Return seconds since the epoch, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds of a clock that never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class FakeClock:
    """A clock that stands still until `advance` moves it; `sleep` moves it too."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._time = start
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return the fake wall time."""
        return self._time

    def monotonic(self) -> float:
        """Return the fake wall time as well: it never goes back."""
        return self._time

    def sleep(self, seconds: float) -> None:
        """Advance instead of waiting."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        with self._lock:
            self._time += seconds
