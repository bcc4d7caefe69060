"""The way to the network: one thread drives all conversations; calls hand back pages and results.

Not safe after fork: make a new `Transport` in the child.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from tablecloud.errors import Cancelled
from tablecloud.rest.driver import Driver
from tablecloud.rest.messages import Authorize, Conversation, Page, Progress
from tablecloud.rest.pages import CallEnded, PageArrived, PageQueue
from tablecloud.rest.wire import TransportSettings

__all__ = ["Call", "CallStats", "Transport", "TransportSettings"]

T = TypeVar("T")
_PAGES_OF_ONE_CALL = 4


@dataclass(slots=True)
class CallStats:
    """What one call cost so far; grows in the transport's thread."""

    calls: int = 0
    """HTTP requests sent, retries and polls included."""
    retries: int = 0
    pages: int = 0
    bytes: int = 0
    """Of decoded bodies."""
    seconds: float = 0.0
    """Spent on the wire."""


class Call(Generic[T]):
    """A conversation under way."""

    def __init__(
        self,
        conversation: Conversation[T],
        sink: PageQueue | None,
        on_progress: Callable[[Progress], None] | None,
        cancel: Callable[[Call[Any]], None],
        on_end: Callable[[BaseException | None], None] | None = None,
    ) -> None:
        self.conversation = conversation
        self.own_queue = sink is None
        self.sink = sink or PageQueue(pages=_PAGES_OF_ONE_CALL)
        self.on_progress = on_progress
        self.stats = CallStats()
        self.cancelled = False
        self._cancel = cancel
        self._on_end = on_end
        self._ended = threading.Event()
        self._value: T | None = None
        self._error: BaseException | None = None

    def done(self) -> bool:
        """Return whether it is over."""
        return self._ended.is_set()

    def cancel(self) -> None:
        """End it soon, closing its transfer; returns at once, and does nothing when it is over."""
        self.cancelled = True
        if not self._ended.is_set():
            self._cancel(self)

    def pages(self) -> Iterator[Page]:
        """Yield the pages as they come; leaving early cancels the call. Not for calls with a shared queue.

        Raises:
            RemoteError, CredentialError, Cancelled: what ended the call, after the pages that came before.
        """
        try:
            while True:
                arrival = self.sink.get()
                if isinstance(arrival, PageArrived):
                    yield arrival.page
                elif isinstance(arrival, CallEnded):
                    if arrival.error is not None:
                        raise arrival.error
                    return
        finally:
            self.cancel()

    def result(self, timeout: float | None = None) -> T:
        """Wait for the end and return what the conversation returned. Pages that nobody reads are dropped.

        Raises:
            TimeoutError: it was not over after `timeout` seconds; the call goes on.
            RemoteError, CredentialError, Cancelled: what ended the call.
        """
        if self.own_queue:
            self._drop_pages(timeout)
        elif not self._ended.wait(timeout):
            raise TimeoutError
        if self._error is not None:
            raise self._error
        return cast(T, self._value)

    def finish(self, value: T | None, error: BaseException | None) -> None:
        """Take the end. Called once, by the transport's thread."""
        self._value, self._error = value, error
        self._ended.set()
        self.sink.end(self, error)
        if self._on_end is not None:
            self._on_end(error)

    def _drop_pages(self, timeout: float | None) -> None:
        due = None if timeout is None else time.monotonic() + timeout
        while not self._ended.is_set():
            left = None if due is None else max(0.0, due - time.monotonic())
            if self.sink.get(left) is None and not self._ended.is_set():
                raise TimeoutError


class Transport:
    """Carries conversations. Cheap until the first `start`; `close` leaves no thread and no socket."""

    def __init__(self, settings: TransportSettings, authorize: Authorize) -> None:
        self._settings = settings
        self._authorize = authorize
        self._lock = threading.Lock()
        self._driver: Driver | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def start(
        self,
        conversation: Conversation[T],
        *,
        sink: PageQueue | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Call[T]:
        """Begin a conversation and return at once.

        Parameters:
            sink: where its pages and its end go; None gives the call a small queue of its own.
            on_progress: called in the transport's thread; must not block.

        Raises:
            Cancelled: the transport is closed.
            SettingError: the trusted authorities cannot be found.
        """
        driver = self._running()
        call: Call[T] = Call(conversation, sink, on_progress, lambda c: driver.post(lambda: driver.cancel(c)))
        call.sink.feed(call)
        driver.post(lambda: driver.begin(call))
        return call

    def close(self) -> None:
        """Cancel what runs, close every connection, end the thread; safe when repeated."""
        with self._lock:
            self._closed = True
            driver, thread = self._driver, self._thread
        if driver is not None and thread is not None and thread.is_alive():
            driver.post(driver.stop)
            thread.join()

    def __enter__(self) -> Transport:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _running(self) -> Driver:
        with self._lock:
            if self._closed:
                raise Cancelled("the transport is closed")
            if self._driver is None:
                self._driver = Driver(self._settings, self._authorize)
                self._thread = threading.Thread(
                    target=self._driver.run, name="tablecloud-transport", daemon=True
                )
                self._thread.start()
            return self._driver


def internal_call(
    conversation: Conversation[None], on_end: Callable[[BaseException | None], None]
) -> Call[None]:
    """Return a call of the transport itself, such as a token request; its end goes to a function."""
    return Call(conversation, PageQueue(pages=1), None, lambda _call: None, on_end)
