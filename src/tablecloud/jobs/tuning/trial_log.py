"""Brings what the trials of a job print into the job's one log, each line marked with its trial.

The supervisors of the trials write logs of their own. Their lines are copied into the log folder of the
job's attempt, in the supervisors' format with `#<trial>.<attempt>@<offset>` behind the task. That mark also
says how far the trial's log was read, so the file itself tells a new process of the service where to go on:
no line is lost or doubled by a crash.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tablecloud.jobs.executors.shim.folder import LOG

_NAME = f"{0:016x}.log"
_BLOCK = 1 << 20

Cursor = dict[tuple[int, int], int]
"""How far the log of (trial, attempt) was read."""


class TrialLog:
    """The merged log of one tuning job.

    Parameters:
        folder: of the job's attempt.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOG / _NAME
        self._read: Cursor = _cursors(self._path)

    def collect(self, trial_id: int, attempt: int, folder: Path) -> None:
        """Copy what the attempt of a trial printed since the last call.

        Parameters:
            folder: of that attempt.

        Raises:
            OSError: the log cannot be written; the next call tries again.
        """
        for start, path in _segments(folder / LOG):
            self._copy(trial_id, attempt, start, path)

    def drop(self, folder: Path) -> None:
        """Remove the log of an attempt that ended and was collected."""
        shutil.rmtree(folder / LOG, ignore_errors=True)

    def _copy(self, trial_id: int, attempt: int, start: int, path: Path) -> None:
        key = (trial_id, attempt)
        while True:
            # A segment that was dropped meanwhile leaves a gap; reading goes on behind it.
            offset = max(self._read.get(key, 0), start)
            try:
                with path.open("rb") as file:
                    file.seek(offset - start)
                    block = file.read(_BLOCK)
            except FileNotFoundError:
                return
            whole = block[: block.rfind(b"\n") + 1]
            if not whole:
                return
            lines, end = _marked(whole, key, offset)
            self._append(lines)
            self._read[key] = end

    def _append(self, data: bytes) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            before = os.fstat(fd).st_size
            if os.write(fd, data) != len(data):
                os.ftruncate(fd, before)
                raise OSError(28, "the disk is full", str(self._path))
        finally:
            os.close(fd)


def _marked(block: bytes, key: tuple[int, int], offset: int) -> tuple[bytes, int]:
    """Return whole lines with their marks, and the offset behind them."""
    found = []
    for line in block[:-1].split(b"\n"):  # not splitlines, because progress bars print carriage returns
        offset += len(line) + 1
        parts = line.split(b" ", 3)
        if len(parts) == 4:
            parts[2] += f"#{key[0]}.{key[1]}@{offset:x}".encode()
            found.append(b" ".join(parts) + b"\n")
    return b"".join(found), offset


def _cursors(path: Path) -> Cursor:
    """Return how far each trial's log was read by the end of the merged one; cuts a torn last line off."""
    found: Cursor = {}
    try:
        file = path.open("r+b", buffering=_BLOCK)
    except FileNotFoundError:
        return found
    with file:
        whole = 0
        for line in file:
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            if mark := _mark(line):
                key, offset = mark
                found[key] = offset
        file.truncate(whole)
    return found


def _mark(line: bytes) -> tuple[tuple[int, int], int] | None:
    parts = line.split(b" ", 3)
    try:
        _, _, origin = parts[2].partition(b"#")
        names, _, offset = origin.partition(b"@")
        trial, _, attempt = names.partition(b".")
        return (int(trial), int(attempt)), int(offset, 16)
    except (IndexError, ValueError):
        return None


def _segments(folder: Path) -> list[tuple[int, Path]]:
    try:
        return sorted((int(path.stem, 16), path) for path in folder.iterdir())
    except FileNotFoundError:
        return []
