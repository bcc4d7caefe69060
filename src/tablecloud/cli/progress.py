"""One line on the terminal that says what takes so long, and vanishes when it is over."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

DELAY_SECONDS = 0.5
_REDRAW_SECONDS = 0.1


class ProgressLine:
    """Shows the latest step of a statement once the statement takes longer than half a second.

    Nothing is ever written to a stream that is no terminal.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._visible = self._stream.isatty()
        self._began = time.monotonic()
        self._drawn_at = 0.0
        self._drawn = False

    def show(self, text: str) -> None:
        """Draw the text in place of the one before; too early or too often is ignored."""
        now = time.monotonic()
        if not self._visible or now - self._began < DELAY_SECONDS or now - self._drawn_at < _REDRAW_SECONDS:
            return
        width = shutil.get_terminal_size().columns - 1
        line = " ".join(text.split())
        self._stream.write("\r\x1b[K" + (line if len(line) <= width else line[: width - 1] + "…"))
        self._stream.flush()
        self._drawn_at = now
        self._drawn = True

    def clear(self) -> None:
        """Remove the line, so that rows and messages start at the left; the next one waits anew."""
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
        self._drawn = False
        self._began = time.monotonic()
