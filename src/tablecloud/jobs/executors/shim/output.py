"""A job's output: pipes cut into lines, and the bounded log they go to."""

from __future__ import annotations

import os
import time

SEGMENTS_KEPT = 8
"""A log is at most this many segments: the first half of them, and the latest of the rest."""
MAX_LINE = 64 * 1024
_READ = 64 * 1024

# Wall time that a step of the clock cannot reorder: an exit before a stop stays before it.
_WALL = time.time() - time.monotonic()


def now() -> float:
    """Return seconds since the epoch, never going back within this process."""
    return _WALL + time.monotonic()


class SegmentLog:
    """An append-only log of bounded size, in segments named after the offset of their first byte.

    A line is `<seconds> <I|W|E> <task> <text>`. Raw text after a fixed head means that a block of lines is
    written by one replacement, so a program that prints without end is not slowed down; the reader takes it
    apart. Once there are SEGMENTS_KEPT segments the oldest of the second half goes, and the gap in the
    names tells the reader what is missing.
    """

    def __init__(self, folder: str, limit: int) -> None:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self._folder = folder
        self._segment_limit = max(limit // SEGMENTS_KEPT, 1)
        self._names: list[str] = []
        self._offset = 0
        self._start = 0
        self._fd = -1

    def say(self, task: str, text: str, severity: str = "I") -> None:
        """Append the lines of a sentence of our own."""
        self.append(task, severity, text.encode("utf-8", "replace") + b"\n")

    def append(self, task: str, severity: str, block: bytes) -> None:
        """Append whole lines; `block` ends in a newline."""
        head = f"{now():.6f} {severity} {task} ".encode()
        data = head + block[:-1].replace(b"\n", b"\n" + head) + b"\n"
        try:
            if self._fd < 0 or self._offset - self._start + len(data) > self._segment_limit:
                self._roll()
            whole = os.write(self._fd, data) == len(data)
        except OSError:
            whole = False
        self._offset += len(data)
        if not whole:
            # A full disk must not stop the program: what could not be written is a gap, and a segment
            # follows it.
            self._close()

    def finish(self) -> None:
        """Put what was written on disk."""
        if self._fd >= 0:
            try:
                os.fsync(self._fd)
            except OSError:
                pass
            self._close()

    def _roll(self) -> None:
        self._close()
        name = os.path.join(self._folder, f"{self._offset:016x}.log")
        self._fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._start = self._offset
        self._names.append(name)
        if len(self._names) > SEGMENTS_KEPT:
            os.unlink(self._names.pop(SEGMENTS_KEPT // 2))

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class Stream:
    """One pipe of one process, cut into lines."""

    def __init__(self, fd: int, task: str, severity: str) -> None:
        os.set_blocking(fd, False)
        self.fd = fd
        self._task = task
        self._severity = severity
        self._pending = b""
        self.last_line = b""

    def pump(self, log: SegmentLog) -> bool | None:
        """Move one read to the log. True: there may be more; None: nothing now; False: end of the pipe."""
        try:
            data = os.read(self.fd, _READ)
        except BlockingIOError:
            return None
        if not data:
            self.flush(log)
            return False
        cut = data.rfind(b"\n") + 1
        if cut:
            self._write(log, self._pending + data[:cut])
            self._pending = data[cut:]
        else:
            self._pending += data
        if len(self._pending) >= MAX_LINE:
            self.flush(log)
        return True

    def flush(self, log: SegmentLog) -> None:
        """Write what came without a newline as a line."""
        if self._pending:
            self._write(log, self._pending + b"\n")
            self._pending = b""

    def _write(self, log: SegmentLog, block: bytes) -> None:
        log.append(self._task, self._severity, block)
        self.last_line = block.rstrip().rpartition(b"\n")[2] or self.last_line
