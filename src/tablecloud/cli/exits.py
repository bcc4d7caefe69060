"""What `tablecloud` says of its end: exit statuses, and errors printed for people."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from tablecloud.errors import Cancelled, SettingError, SqlError, TablecloudError

OK = 0
FAILED = 1
"""A statement, or the command, failed."""
USAGE = 2
"""The command line, a setting or a file given to it is wrong; nothing was run."""
PARTIAL = 4
"""Rows were printed, and some calls failed: they are named on stderr."""
INTERRUPTED = 130
"""Ctrl-C."""
BROKEN_PIPE = 141
"""Whoever read the rows stopped reading."""


_GRAVITY = (OK, PARTIAL, FAILED, USAGE, INTERRUPTED)


def worse(one: int, other: int) -> int:
    """Return the graver of two exit statuses: what a script as a whole exits with."""
    return max(one, other, key=_GRAVITY.index)


def status_of(error: BaseException) -> int:
    """Return the exit status that stands for an error."""
    if isinstance(error, KeyboardInterrupt | Cancelled):
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return BROKEN_PIPE
    return USAGE if isinstance(error, SettingError) else FAILED


def print_error(error: TablecloudError, stream: TextIO | None = None) -> None:
    """Print what happened, where in the text, and what to do next."""
    out = stream or sys.stderr
    word = "" if isinstance(error, Cancelled) else paint("error:", "1;31", out) + " "
    out.write(f"{word}{_explain(error)}\n")
    out.flush()


def print_note(text: str, stream: TextIO | None = None) -> None:
    """Print one line that is worth knowing and changes nothing."""
    out = stream or sys.stderr
    out.write(f"{paint('note:', '36', out)} {text}\n")


def paint(text: str, code: str, stream: TextIO) -> str:
    """Return the text in a colour where the stream is a terminal and NO_COLOR is not set."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty():
        return text
    return f"\x1b[{code}m{text}\x1b[0m"


def _explain(error: TablecloudError) -> str:
    if isinstance(error, SqlError) and error.text is not None and error.span is not None:
        from tablecloud.sql.pointing import render

        return render(error)  # with the line, the caret and the hint
    return f"{error.message}\nhint: {error.hint}" if error.hint else error.message
