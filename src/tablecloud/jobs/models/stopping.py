"""A request to stop a piece of work that runs in another thread, and the process it waits for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stopped(Exception):
    """The work was asked to stop."""


class StopSwitch:
    """One piece of work's switch: anybody may press it, the work looks at it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pressed = False
        self._end: Callable[[], None] | None = None

    @property
    def pressed(self) -> bool:
        """Whether somebody asked for the stop."""
        return self._pressed

    def press(self) -> None:
        """Ask for the stop, and end the process that is being waited for."""
        with self._lock:
            self._pressed = True
            if self._end is not None:
                self._end()

    def check(self) -> None:
        """Raise where the stop was asked for.

        Raises:
            Stopped: it was.
        """
        if self._pressed:
            raise Stopped

    @contextmanager
    def ending(self, end: Callable[[], None]) -> Iterator[None]:
        """Wait for a process inside: a stop calls `end`, which must not block."""
        with self._lock:
            self._end = end
            if self._pressed:
                end()
        try:
            yield
        finally:
            with self._lock:
                self._end = None
