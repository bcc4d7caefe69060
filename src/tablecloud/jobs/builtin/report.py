"""How a built-in trainer says how it ended, and how the service reads it: one small file per attempt."""

from __future__ import annotations

from pathlib import Path

import msgspec


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The end of one training."""

    trained: bool = False
    """The model is complete."""
    failure: str = ""
    """What is wrong with the job's arguments or data, in sentences."""


def write_report(path: Path, report: Report) -> None:
    """Write a report so that a reader sees all of it or nothing.

    Raises:
        OSError: it cannot be written.
    """
    scratch = path.with_suffix(".new")
    scratch.write_bytes(msgspec.json.encode(report))
    scratch.replace(path)


def read_report(path: Path) -> Report:
    """Return the report at a path; an empty one while there is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except (FileNotFoundError, msgspec.DecodeError):
        return Report()
