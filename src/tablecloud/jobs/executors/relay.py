"""Merge the logs of an attempt's replicas, each written by its own supervisor, into the attempt's one log.

A batch is written down in `relay.json` before it is appended: which bytes of which replica come where. After
a crash what was appended of it is cut off and appended again, byte for byte, so that nothing is missing or
doubled and cursors that readers hold stay right. Contract: ml-jobs-service 5.2 point 8.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tablecloud.jobs.executors.attempt_folder import locked
from tablecloud.jobs.executors.shim.folder import LOG, replace
from tablecloud.jobs.executors.shim.output import SEGMENTS_KEPT

JOURNAL = "relay.json"
_PART_BYTES = 1 << 20
_MOST_BATCHES = 8
"""In one call, while the attempt runs: a program that prints without end must not hold up the others."""

Segments = list[tuple[int, Path]]
"""The offset of each segment's first byte, and its path; in order."""


_Part = tuple[str, int, int, int]
"""Whole lines of one replica's log that come next: its name, their start and end, and how many bytes before
them its own log had to drop before they were read."""


def relay(home: Path, sources: dict[str, Path], *, limit: int, complete: bool) -> None:
    """Append what the replicas wrote since the last call to `<home>/log`.

    Parameters:
        home: the attempt's folder.
        sources: by replica name, the folder of its supervisor.
        limit: of bytes that the attempt's log may have; the middle of a longer one is dropped.
        complete: everything is written by now: take all of it, and have it on disk on return.

    Raises:
        OSError: a log cannot be read or written; the next call goes on where this one stopped.
    """
    if not any((folder / LOG).is_dir() for folder in sources.values()):
        return
    with locked(home):
        journal = _read_journal(home)
        if _end(_segments(home / LOG)) != journal["at"] + journal["size"]:
            _append(home, journal["at"], _batch(journal["parts"], sources), limit)
        batches = 0
        while (complete or batches < _MOST_BATCHES) and (parts := _next_parts(journal["positions"], sources)):
            data = _batch(parts, sources)
            positions = journal["positions"] | {name: end for name, _, end, _ in parts}
            at = _end(_segments(home / LOG))
            journal = {"at": at, "size": len(data), "parts": parts, "positions": positions}
            replace(str(home / JOURNAL), json.dumps(journal).encode())
            _append(home, at, data, limit)
            batches += 1
        if complete:
            _sync(home / LOG)


def _read_journal(home: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads((home / JOURNAL).read_bytes())
    except FileNotFoundError:
        return {"at": 0, "size": 0, "parts": [], "positions": {}}
    return document


def _next_parts(positions: dict[str, int], sources: dict[str, Path]) -> list[_Part]:
    """Return the next whole lines of every replica that has any."""
    found = (_next_part(name, folder / LOG, positions.get(name, 0)) for name, folder in sources.items())
    return [part for part in found if part]


def _next_part(name: str, log: Path, position: int) -> _Part | None:
    for start, path in _segments(log):
        begin = max(start, position)
        data = _read(path, begin - start, _PART_BYTES)
        if end := data.rfind(b"\n") + 1:
            return (name, begin, begin + end, max(start - position, 0))
    return None


def _batch(parts: list[_Part], sources: dict[str, Path]) -> bytes:
    return b"".join(_text_of(part, _segments(sources[part[0]] / LOG)) for part in parts)


def _append(home: Path, at: int, data: bytes, limit: int) -> None:
    """Make the log end in `data`, which begins at offset `at`, whatever of it is there already."""
    log = home / LOG
    log.mkdir(mode=0o700, exist_ok=True)
    path = _place(log, at, len(data), max(limit // SEGMENTS_KEPT, 1))
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        start = int(path.stem, 16)
        os.ftruncate(fd, at - start)
        os.lseek(fd, at - start, os.SEEK_SET)
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
    finally:
        os.close(fd)


def _text_of(part: _Part, segments: Segments) -> bytes:
    """Return a part's bytes, behind a line that tells of what is missing before them."""
    name, begin, end, dropped = part
    for start, path in segments:
        if start <= begin < start + _size(path):
            data = _read(path, begin - start, end - begin)
            break
    else:
        return b""  # dropped since: the replica writes faster than is read
    if not dropped:
        return data
    at = data.split(b" ", 1)[0].decode()
    said = f"{dropped} bytes of output of {name} were dropped here: the log of a job is limited."
    return f"{at} W service {said}\n".encode() + data


def _place(log: Path, at: int, size: int, segment_limit: int) -> Path:
    """Return the segment that holds offset `at`, a new one where the last is full; drop one of the middle."""
    segments = _segments(log)
    for start, path in reversed(segments):
        if start == at or (start < at and at - start + size <= segment_limit):
            return path
        if start < at:
            break
    if len(segments) >= SEGMENTS_KEPT:
        segments[SEGMENTS_KEPT // 2][1].unlink()
    return log / f"{at:016x}.log"


def _segments(folder: Path) -> Segments:
    try:
        return sorted((int(path.stem, 16), path) for path in folder.iterdir())
    except FileNotFoundError:
        return []


def _end(segments: Segments) -> int:
    return segments[-1][0] + _size(segments[-1][1]) if segments else 0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _read(path: Path, offset: int, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(size)
    except FileNotFoundError:
        return b""  # dropped since it was listed


def _sync(log: Path) -> None:
    for _, path in _segments(log)[-1:]:
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
