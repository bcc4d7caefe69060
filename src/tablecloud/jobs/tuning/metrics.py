"""What trials report: the hypertune file's format. Pure.

Contract: ml-jobs-service 2.8.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Measurement:
    """One value of the objective."""

    step: int
    at: float
    """Seconds since the epoch, by the trial's clock."""
    value: float


def read_hypertune(data: bytes, tag: str) -> list[Measurement]:
    """Return the measurements of a hypertune file: one JSON object a line, values as strings.

    The file is rewritten while it is read, so a line that is no such object is left out.
    """
    found = []
    for line in data.splitlines():
        measurement = _entry(line, tag)
        if measurement is not None:
            found.append(measurement)
    return found


def usable(value: float) -> bool:
    """Say whether a value is finite: others cannot be compared, and count as not reported."""
    return value - value == 0


def _entry(line: bytes, tag: str) -> Measurement | None:
    try:
        entry = msgspec.json.decode(line)
        if not isinstance(entry, dict) or tag not in entry:
            return None
        value = float(entry[tag])
        step = int(float(entry.get("global_step") or 0))
        at = float(entry.get("timestamp") or 0.0)
    except (ValueError, TypeError, OverflowError):
        return None
    if not usable(value) or not usable(at) or abs(step) >= 1 << 63:
        return None
    return Measurement(step=step, at=at, value=value)
