"""Notices as lines for people: which calls failed, how, and how many alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TextIO

from tablecloud.cli.exits import paint
from tablecloud.engine.result import Notice

SHOWN = 10
"""Most lines of one severity; the rest is counted."""
_COLOURS = {"error": "1;31", "warning": "33", "info": "36"}
_WORDS = {"error": "error:", "warning": "warning:", "info": "note:"}


def print_notices(notices: Iterable[Notice], stream: TextIO, *, verbose: bool = False) -> None:
    """Print one line a notice, the hint of each kind of failure once, and a count of what is left out."""
    by_severity: dict[str, list[Notice]] = {}
    for notice in notices:
        by_severity.setdefault(notice.severity, []).append(notice)
    for severity, group in by_severity.items():
        word = paint(_WORDS.get(severity, f"{severity}:"), _COLOURS.get(severity, "0"), stream)
        for line in _lines(group, SHOWN if not verbose else len(group)):
            stream.write(f"{word} {line}\n")
        for hint in dict.fromkeys(notice.hint for notice in group if notice.hint):
            stream.write(f"{paint('hint:', '36', stream)} {hint}\n")
    stream.flush()


def _lines(group: list[Notice], limit: int) -> Iterator[str]:
    for notice in group[:limit]:
        yield describe(notice)
    if len(group) > limit:
        yield f"and {len(group) - limit} more like these; --verbose shows all"


def describe(notice: Notice) -> str:
    """Return the call of a notice and what became of it: `ml.projects.jobs.list (projectsId = p): …`."""
    values = ", ".join(f"{name} = {value}" for name, value in notice.arguments.items())
    call = f"{notice.method} ({values})" if values else notice.method
    if notice.method and notice.method in notice.message:  # said once is enough
        return notice.message.replace(notice.method, call, 1)
    return f"{call}: {notice.message}" if call else notice.message
