"""A bounded queue from the thread that computes rows to the one that reads them; either side may end it."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Channel(Generic[T]):
    """Items in order; at most `room` wait.

    The writer ends it with `finish`, the reader with `close`; a writer that waits for room learns at once.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._finished = self._closed = False
        self._error: BaseException | None = None

    def put(self, item: T) -> bool:
        """Add an item, waiting for room; False when nobody will read it."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._items) < self._room or self._closed)
            if not self._closed:
                self._items.append(item)
                self._changed.notify_all()
            return not self._closed

    def finish(self, error: BaseException | None = None) -> None:
        """Say that no more items come; the reader gets `error` after the ones that wait."""
        with self._changed:
            if not self._finished:
                self._finished, self._error = True, error
                self._changed.notify_all()

    def get(self) -> T | None:
        """Return the next item, waiting for it; None at the end.

        Raises:
            BaseException: what the writer finished with.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._finished or self._closed)
            if self._items:
                self._changed.notify_all()
                return self._items.popleft()
            if self._error is not None:
                raise self._error
            return None

    def close(self) -> None:
        """Drop what waits; the writer is told to stop."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()
