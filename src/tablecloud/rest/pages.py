"""The bounded queue between the transport's thread and whoever decodes pages."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from tablecloud.errors import Cancelled
from tablecloud.rest.messages import Page

if TYPE_CHECKING:
    from tablecloud.rest.transport import Call


@dataclass(frozen=True, slots=True)
class PageArrived:
    """A call brought a page."""

    call: Call[Any]
    page: Page


@dataclass(frozen=True, slots=True)
class CallEnded:
    """A call is over; `error` says why it failed, None that it did not. Nothing of it comes after this."""

    call: Call[Any]
    error: BaseException | None


Arrival: TypeAlias = PageArrived | CallEnded


class PageQueue:
    """Pages of one or many calls on their way to one consumer, bounded by number and bytes.

    When it is full the calls that feed it stop paging; they go on when half of it is free again. Ends of
    calls are always taken. One page over the bound of bytes may come, so that a huge page gets through.
    """

    def __init__(self, *, pages: int = 64, size: int = 64 * 1024 * 1024) -> None:
        """Make an empty queue.

        Parameters:
            pages: how many pages may wait.
            size: how many bytes the waiting pages may have together.
        """
        self._pages, self._size = pages, size
        self._arrivals: deque[Arrival] = deque()
        self._count = self._bytes = 0
        self._changed = threading.Condition()
        self._cancelled = False
        self._on_room: set[Callable[[], None]] = set()
        self._calls: set[Call[Any]] = set()

    @property
    def full(self) -> bool:
        """Whether pages must wait where they are."""
        return self._count >= self._pages or self._bytes >= self._size

    def get(self, timeout: float | None = None) -> Arrival | None:
        """Return the next page or end of a call, waiting for it; None when `timeout` seconds brought nothing.

        Raises:
            Cancelled: the queue was cancelled.
        """
        wake: list[Callable[[], None]] = []
        with self._changed:
            if not self._changed.wait_for(lambda: self._arrivals or self._cancelled, timeout):
                return None
            if self._cancelled:
                raise Cancelled("the call was cancelled")
            arrival = self._arrivals.popleft()
            if isinstance(arrival, PageArrived):
                self._count -= 1
                self._bytes -= len(arrival.page.body)
                if self._on_room and self._count * 2 <= self._pages and self._bytes * 2 <= self._size:
                    wake = list(self._on_room)
                    self._on_room.clear()
        for tell in wake:
            tell()
        return arrival

    def cancel(self) -> None:
        """Drop what waits, cancel the calls that feed the queue, and make `get` raise; safe when repeated."""
        with self._changed:
            self._cancelled = True
            self._arrivals.clear()
            self._count = self._bytes = 0
            calls, self._calls = list(self._calls), set()
            self._changed.notify_all()
        for call in calls:
            call.cancel()

    # The transport's side.

    def feed(self, call: Call[Any]) -> None:
        """Note a call that will put pages; it is told off at once if the queue is cancelled."""
        with self._changed:
            cancelled = self._cancelled
            self._calls.add(call)
        if cancelled:
            call.cancel()

    def put(self, call: Call[Any], page: Page) -> None:
        """Take a page. Never waits: whoever puts looks at `full` before."""
        with self._changed:
            if not self._cancelled:
                self._arrivals.append(PageArrived(call, page))
                self._count += 1
                self._bytes += len(page.body)
                self._changed.notify()

    def end(self, call: Call[Any], error: BaseException | None) -> None:
        """Take the end of a call."""
        with self._changed:
            self._calls.discard(call)
            if not self._cancelled:
                self._arrivals.append(CallEnded(call, error))
                self._changed.notify()

    def ask_for_room(self, tell: Callable[[], None]) -> bool:
        """Have `tell` called once when there is room again; False (and no promise) when there is room now."""
        with self._changed:
            if not self.full or self._cancelled:
                return False
            self._on_room.add(tell)
            return True
