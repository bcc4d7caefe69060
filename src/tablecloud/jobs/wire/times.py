"""RFC 3339 timestamps, protobuf durations and the looser moments of filters, as integer nanoseconds. Pure."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta, timezone

NANOS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d)(?::(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?)?)?"
    r"([Zz]|[+-]\d\d:?\d\d)?\Z",
    re.ASCII,
)
_DURATION = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,9}))?s\Z", re.ASCII)
_ISO_DURATION = re.compile(
    r"([+-]?)P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?\Z",
    re.ASCII | re.IGNORECASE,
)
_ISO_SECONDS = (365 * 86400, 30 * 86400, 7 * 86400, 86400, 3600, 60, 1)
MAX_DURATION = 315_576_000_000
"""Seconds: the range of google.protobuf.Duration."""


def parse_timestamp(text: str) -> int:
    """Return nanoseconds since the epoch of a full RFC 3339 timestamp.

    Raises:
        ValueError: it is not one; date, time with seconds and zone are all required.
    """
    match = _TIMESTAMP.match(text)
    if match is None or match.group(6) is None or match.group(8) is None:
        raise ValueError(f"not an RFC 3339 timestamp: {text!r}")
    return _nanos(match)


def parse_moment(text: str, *, now: float) -> int:
    """Return nanoseconds since the epoch of what a filter may compare a time with (contract 1.7).

    A date, a date and time of any precision (UTC unless it says otherwise), or an ISO 8601 duration relative
    to `now` (seconds since the epoch): `-P1D` is a day ago.

    Raises:
        ValueError: it is none of them.
    """
    match = _TIMESTAMP.match(text)
    if match is not None:
        return _nanos(match)
    relative = _ISO_DURATION.match(text)
    if relative is None or not any(relative.groups()[1:]):
        raise ValueError(f"neither a time nor a duration: {text!r}")
    seconds = sum(
        int(count or 0) * unit for count, unit in zip(relative.groups()[1:], _ISO_SECONDS, strict=True)
    )
    return int(now * NANOS) + (-seconds if relative.group(1) == "-" else seconds) * NANOS


def format_timestamp(nanos: int) -> str:
    """Return RFC 3339 in UTC with `Z` and 0, 3, 6 or 9 fraction digits."""
    seconds, fraction = divmod(nanos, NANOS)
    moment = _EPOCH + timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + _fraction(fraction) + "Z"


def format_seconds(seconds: float) -> str:
    """Return the whole-second timestamp that job times carry."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def parse_duration(text: str) -> int:
    """Return the nanoseconds of a protobuf JSON duration such as `7200s` or `1.5s`.

    Raises:
        ValueError: another form, or beyond 10,000 years.
    """
    match = _DURATION.match(text)
    if match is None:
        raise ValueError(f"not a duration: {text!r}")
    sign, seconds, fraction = match.groups()
    nanos = int(seconds) * NANOS + int((fraction or "").ljust(9, "0"))
    return _in_range(-nanos if sign else nanos)


def duration_of(seconds: int, nanos: int) -> int:
    """Return the nanoseconds of an object duration `{seconds, nanos}`, range checked.

    Raises:
        ValueError: beyond 10,000 years, or nanos of a second or more.
    """
    if abs(nanos) >= NANOS:
        raise ValueError("nanos must be below one second")
    return _in_range(seconds * NANOS + nanos)


def format_duration(nanos: int) -> str:
    """Return `7200s`, with 3, 6 or 9 fraction digits where needed."""
    seconds, fraction = divmod(abs(nanos), NANOS)
    return f"{'-' if nanos < 0 else ''}{seconds}{_fraction(fraction)}s"


def _in_range(nanos: int) -> int:
    if abs(nanos) > MAX_DURATION * NANOS:
        raise ValueError("the duration is out of range")
    return nanos


def _fraction(nanos: int) -> str:
    if nanos == 0:
        return ""
    digits = f"{nanos:09d}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return "." + digits


def _nanos(match: re.Match[str]) -> int:
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    moment = datetime(
        int(year),
        int(month),
        int(day),
        int(hour or 0),
        int(minute or 0),
        int(second or 0),
        tzinfo=_zone(zone),
    )
    delta = moment - _EPOCH
    return (delta.days * 86400 + delta.seconds) * NANOS + int((fraction or "").ljust(9, "0"))


def _zone(text: str | None) -> timezone:
    if text is None or text in "Zz":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))
