"""Reads what a running trial reports: its hypertune file, and the event files below its directory.

Whatever is there was written by the user's program: nothing is followed that is no plain file, and what
cannot be read is no metric. Contract: ml-jobs-service 2.8.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from tablecloud.jobs.tuning.events import MOST_RECORD, DamagedEvents, read_events
from tablecloud.jobs.tuning.metrics import Measurement, read_hypertune

MOST_HYPERTUNE = 4 << 20
"""Bytes of a hypertune file; the client keeps the last hundred lines."""
_BLOCK = 8 << 20
_MOST_FILES = 1000
"""Event files looked at below one directory."""


class MetricSource:
    """The reports of one attempt of a trial.

    Parameters:
        file: of the hypertune format.
        folder: may hold event files, at any depth; None for no folder.
        tag: of the metric.
    """

    def __init__(self, *, file: Path, folder: Path | None, tag: str) -> None:
        self._file = file
        self._folder = folder
        self._tag = tag
        self._seen: tuple[int, int, int] | None = None
        self._known: set[Measurement] = set()
        self._offsets: dict[Path, int] = {}
        self._damaged: set[Path] = set()

    def read(self, *, events: bool = True) -> list[Measurement]:
        """Return what was reported since the last call.

        Parameters:
            events: whether to look for event files as well, which costs a walk through the folder.
        """
        found = self._hypertune()
        if events and self._folder is not None:
            for path in _event_files(self._folder):
                found += self._events(path)
        new = [one for one in found if one not in self._known]
        self._known.update(new)
        return new

    def _hypertune(self) -> list[Measurement]:
        try:
            state = self._file.stat()
        except OSError:
            return []
        seen = (state.st_ino, state.st_size, state.st_mtime_ns)
        if seen == self._seen:
            return []
        data = _read(self._file, 0, MOST_HYPERTUNE)
        self._seen = seen
        return read_hypertune(data, self._tag)

    def _events(self, path: Path) -> list[Measurement]:
        """Return what follows in an event file, all of it unless a record is being written."""
        found: list[Measurement] = []
        size = _BLOCK
        while path not in self._damaged:
            data = _read(path, self._offsets.get(path, 0), size)
            try:
                some, used = read_events(data, self._tag)
            except DamagedEvents:
                self._damaged.add(path)
                break
            self._offsets[path] = self._offsets.get(path, 0) + used
            found += some
            if len(data) < size:
                break
            # A full block without a whole record: the record is longer than the block.
            size = _BLOCK if used else min(size * 4, MOST_RECORD + _BLOCK)
        return found


def _event_files(folder: Path) -> Iterator[Path]:
    found = 0
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if "tfevents" in name:
                yield Path(parent) / name
                found += 1
                if found == _MOST_FILES:
                    return


def _read(path: Path, offset: int, limit: int) -> bytes:
    """Return bytes of a plain file; none where it is gone or is something else, such as a pipe."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return b""
        return os.pread(fd, limit, offset)
    except OSError:
        return b""
    finally:
        os.close(fd)
