"""Read and append the log of one job: the service's own lines, and what its attempts' supervisors wrote.

A job's folder is `<root>/attempts/<uid>/`: `service.jsonl` holds the service's lines, `<attempt>/log/` the
segments that the supervisor's `SegmentLog` writes. Reading merges both by time. A cursor says how far each
of them was read, so what arrives late on one side is never skipped; it fits in 63 bits. Contract:
ml-jobs-service 2.7, 5.2 point 8.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tablecloud.jobs.executors.shim.folder import LOG
from tablecloud.jobs.model import LogEntry

_OFFSET_BITS, _ATTEMPT_BITS = 40, 8
_SEVERITIES = {"I": "INFO", "W": "WARNING", "E": "ERROR"}
_LEVELS = frozenset(
    {"DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY"}
)
_BLOCK = 1 << 20
_TAIL = 64 * 1024


class _ServiceLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of `service.jsonl`."""

    at: float
    severity: str
    task: str
    message: str
    fields: dict[str, Any] | None = None
    trial_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class _Position:
    """How far the attempts' output was read."""

    attempt: int
    offset: int


class JobLog:
    """The log of one job.

    Parameters:
        root: the state root.
        uid: the job's.
    """

    def __init__(self, root: Path, uid: str) -> None:
        self._folder = root / "attempts" / uid
        self._uid = uid

    def append(self, entry: LogEntry) -> None:
        """Add an entry of the service. Its `insert_id` is given when it is read.

        Raises:
            OSError: it cannot be written.
        """
        line = _ServiceLine(
            at=entry.at,
            severity=entry.severity,
            task=entry.task,
            message=entry.message,
            fields=entry.fields,
            trial_id=entry.trial_id,
        )
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self._folder / "service.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            # One write to a file opened for appending: lines of two threads do not mix.
            os.write(fd, msgspec.json.encode(line) + b"\n")
        finally:
            os.close(fd)

    def read(self, after: int = 0, limit: int = 1000) -> list[tuple[int, LogEntry]]:
        """Return up to `limit` entries after a cursor, each with the cursor that comes after it.

        Parameters:
            after: 0, or a cursor that an earlier call returned.
        """
        lines, position = _unpack(after)
        service = self._service_entries(lines)
        output = self._output_entries(position)
        ours, theirs = next(service, None), next(output, None)
        found: list[tuple[int, LogEntry]] = []
        while len(found) < limit and (ours or theirs):
            if ours and (theirs is None or ours[1].at <= theirs[1].at):
                lines, entry = ours
                ours = next(service, None)
            elif theirs:
                position, entry = theirs
                theirs = next(output, None)
            found.append((_pack(lines, position), entry))
        return found

    def tail(self, count: int) -> list[LogEntry]:
        """Return the last `count` entries, oldest first."""
        entries = [entry for _, entry in self._service_entries(0)][-count:]
        found: list[LogEntry] = []
        for attempt in reversed(self._attempts()):
            for start, path in reversed(_segments(self._log_folder(attempt))):
                found = [*self._last_entries(attempt, start, path, count), *found]
                if len(found) >= count:
                    break
            if len(found) >= count:
                break
        return sorted([*entries, *found], key=lambda entry: entry.at)[-count:]

    def _service_entries(self, after: int) -> Iterator[tuple[int, LogEntry]]:
        """Yield the service's entries past a line number, each with its own."""
        for number, line in enumerate(_whole_lines(self._folder / "service.jsonl", 0), start=1):
            if number <= after:
                continue
            try:
                saved = msgspec.json.decode(line, type=_ServiceLine)
            except msgspec.DecodeError:
                continue  # torn by a crash
            yield number, LogEntry(**msgspec.structs.asdict(saved), insert_id=f"{self._uid}-s{number:x}")

    def _output_entries(self, after: _Position) -> Iterator[tuple[_Position, LogEntry]]:
        """Yield what the attempts printed past a position, each with the position behind it."""
        for attempt in self._attempts():
            if attempt < after.attempt:
                continue
            offset = after.offset if attempt == after.attempt else 0
            for start, path in _segments(self._log_folder(attempt)):
                size = _size(path)
                if start + size <= offset:
                    continue
                if start > offset:
                    yield self._gap(attempt, offset, start, path)
                for position, entry in self._segment_entries(attempt, start, path, max(start, offset)):
                    offset = position.offset
                    yield position, entry
                offset = max(offset, start + size)

    def _segment_entries(
        self, attempt: int, start: int, path: Path, offset: int
    ) -> Iterator[tuple[_Position, LogEntry]]:
        """Yield the entries of one segment from an offset on."""
        for line in _whole_lines(path, offset - start):
            identity = f"{self._uid}-{attempt}-{offset:x}"
            offset += len(line) + 1
            if entry := _parse(line, identity):
                yield _Position(attempt=attempt, offset=offset), entry

    def _last_entries(self, attempt: int, start: int, path: Path, count: int) -> list[LogEntry]:
        """Return the last `count` entries of a segment, or all where it has fewer."""
        size, span = _size(path), _TAIL
        while True:
            offset = start + _line_start(path, size - span)
            entries = [entry for _, entry in self._segment_entries(attempt, start, path, offset)]
            if len(entries) >= count or span >= size:
                return entries[-count:]
            span *= 4

    def _gap(self, attempt: int, offset: int, start: int, path: Path) -> tuple[_Position, LogEntry]:
        """Return the entry that stands for output that was dropped."""
        first = next(self._segment_entries(attempt, start, path, start), None)
        entry = LogEntry(
            at=first[1].at if first else 0.0,
            severity="WARNING",
            task="service",
            message=f"{start - offset} bytes of output were dropped here: the log of a job is limited.",
            insert_id=f"{self._uid}-{attempt}-{offset:x}-gap",
        )
        return _Position(attempt=attempt, offset=start), entry

    def _attempts(self) -> list[int]:
        try:
            return sorted(
                int(name) for name in (path.name for path in self._folder.iterdir()) if name.isdigit()
            )
        except FileNotFoundError:
            return []

    def _log_folder(self, attempt: int) -> Path:
        return self._folder / str(attempt) / LOG


def _parse(line: bytes, identity: str) -> LogEntry | None:
    """Return a supervisor's line as an entry; None where it is torn."""
    parts = line.split(b" ", 3)
    try:
        at, severity, source, raw = (
            float(parts[0]),
            _SEVERITIES[parts[1].decode()],
            parts[2].decode(),
            parts[3],
        )
    except (ValueError, KeyError, IndexError):
        return None
    # Lines that came from a trial of a tuning job say which, and where they were copied from.
    task, _, origin = source.partition("#")
    trial_id = origin.partition(".")[0] or None
    fields = _structured(raw)
    message = raw.decode("utf-8", "replace").removesuffix("\r")
    if fields is not None:
        message = str(fields.get("message", ""))
        said = str(fields.get("severity", "")).upper()
        severity = said if said in _LEVELS else severity
    return LogEntry(
        at=at,
        severity=severity,
        task=task,
        message=message,
        fields=fields,
        trial_id=trial_id,
        insert_id=identity,
    )


def _structured(raw: bytes) -> dict[str, Any] | None:
    """Return a line that is a JSON object with a message or a severity; None for any other."""
    if not raw.startswith(b"{"):
        return None
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) and ("message" in value or "severity" in value) else None


def _whole_lines(path: Path, offset: int) -> Iterator[bytes]:
    """Yield the lines of a file from an offset on, leaving out a last one without its newline."""
    try:
        file = path.open("rb", buffering=_BLOCK)
    except FileNotFoundError:
        return
    with file:
        file.seek(offset)
        for line in file:
            if line.endswith(b"\n"):
                yield line[:-1]


def _line_start(path: Path, offset: int) -> int:
    """Return where the first line begins that starts at an offset or after it."""
    if offset <= 0:
        return 0
    try:
        with path.open("rb") as file:
            file.seek(offset - 1)
            file.readline()
            return file.tell()
    except FileNotFoundError:
        return 0  # dropped since it was listed


def _segments(folder: Path) -> list[tuple[int, Path]]:
    """Return the segments of an attempt's log: the offset of each one's first byte, and its path."""
    try:
        return sorted((int(path.stem, 16), path) for path in folder.iterdir())
    except FileNotFoundError:
        return []


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0  # dropped since it was listed


def _pack(lines: int, position: _Position) -> int:
    return ((lines << _ATTEMPT_BITS) + position.attempt << _OFFSET_BITS) + position.offset


def _unpack(cursor: int) -> tuple[int, _Position]:
    offset = cursor & ((1 << _OFFSET_BITS) - 1)
    attempt = cursor >> _OFFSET_BITS & ((1 << _ATTEMPT_BITS) - 1)
    return cursor >> _OFFSET_BITS + _ATTEMPT_BITS, _Position(attempt=attempt, offset=offset)
