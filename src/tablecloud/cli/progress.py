"""One line on the terminal that says what takes so long, and vanishes when it is over."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

DELAY_SECONDS = 0.5
_REDRAW_SECONDS = 0.1
_LOOK_SECONDS = 0.2


class ProgressLine:
    """Shows the latest step of a statement once the statement takes longer than half a second.

    Nothing is ever written to a stream that is no terminal. Any thread may call it.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._visible = self._stream.isatty()
        self._began = time.monotonic()
        self._drawn_at = 0.0
        self._drawn = False
        self._lock = threading.Lock()

    def show(self, text: str) -> None:
        """Draw the text in place of the one before; too early or too often is ignored."""
        if not self._visible:
            return
        with self._lock:
            self._draw(text, time.monotonic())

    def _draw(self, text: str, now: float) -> None:
        if now - self._began < DELAY_SECONDS or now - self._drawn_at < _REDRAW_SECONDS:
            return
        width = shutil.get_terminal_size().columns - 1
        line = " ".join(text.split())
        self._stream.write("\r\x1b[K" + (line if len(line) <= width else line[: width - 1] + "…"))
        self._stream.flush()
        self._drawn_at = now
        self._drawn = True

    def clear(self) -> None:
        """Remove the line, so that rows and messages start at the left; the next one waits anew."""
        with self._lock:
            if self._drawn:
                self._stream.write("\r\x1b[K")
                self._stream.flush()
            self._drawn = False
            self._began = time.monotonic()

    @contextmanager
    def watching(self, describe: Callable[[], str]) -> Iterator[None]:
        """Show what `describe` says, again and again, while the block runs."""
        if not self._visible:
            yield
            return
        over = threading.Event()

        def look() -> None:
            while not over.wait(_LOOK_SECONDS):
                self.show(describe())

        watcher = threading.Thread(target=look, name="tablecloud-progress", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
            self.clear()
