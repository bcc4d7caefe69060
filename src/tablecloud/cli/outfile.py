"""Where rows go: standard output, or a file that appears only when it is complete."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from tablecloud.errors import SettingError


@contextmanager
def open_output(path: str) -> Iterator[TextIO]:
    """Yield the stream for rows; a named file is put in place at the end, and not at all after an exception.

    What stands at the path already and is no regular file (a pipe, a device) is written to as it is.

    Parameters:
        path: of the file; empty or `-` stands for standard output.

    Raises:
        SettingError: the file cannot be written.
    """
    if path in ("", "-"):
        yield sys.stdout
        return
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        with _open(target) as stream:
            yield stream
        return
    draft = _draft_beside(target)
    try:
        with _open(draft) as stream:
            yield stream
        draft.replace(target)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise


def _open(path: Path) -> TextIO:
    try:
        return path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise SettingError(f"cannot write to {path}: {error.strerror}") from error


def _draft_beside(target: Path) -> Path:
    """Create an empty file in the target's folder, readable as the target is or as a new file would be."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise SettingError(f"cannot write to {target}: {error.strerror}") from error
    try:
        mask = os.umask(0)
        os.umask(mask)
        os.fchmod(descriptor, target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~mask)
    finally:
        os.close(descriptor)
    return Path(name)
