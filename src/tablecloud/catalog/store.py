"""Index files: small SQLite databases that are written once, published whole, and only read from then on.

A file is built beside its place and moved there in one step, so that readers never meet half of one, several
processes may build at once (the last one wins, with the same content), and no lock is ever taken. Knows
nothing of what is inside.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

Fill = Callable[[sqlite3.Connection], None]

_STAMP = "CREATE TABLE stamp (text TEXT NOT NULL)"
_STALE_AFTER = 3600.0
"""Seconds after which a half-built file is taken for abandoned."""


def open_published(path: Path, stamp: str) -> sqlite3.Connection | None:
    """Open an index file for reading; None where there is none, or none that can be used.

    Parameters:
        path: the file.
        stamp: what it must have been built from; a file with another stamp is not used.
    """
    if not path.exists():
        return None
    connection = None
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?immutable=1", uri=True, check_same_thread=False
        )
        row = connection.execute("SELECT text FROM stamp").fetchone()
        if row == (stamp,):
            return connection
    except sqlite3.Error:
        # Damaged, or no database at all: it is built anew.
        pass
    if connection is not None:
        connection.close()
    return None


def publish(path: Path, stamp: str, fill: Fill) -> None:
    """Build an index file and put it in its place.

    Raises:
        OSError: the folder cannot be written to.
        sqlite3.Error: the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}.draft")
    try:
        _write(draft, stamp, fill)
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
        _sweep(path.parent)


def build_in_memory(stamp: str, fill: Fill) -> sqlite3.Connection:
    """Build the same database without a file, for disks that cannot be written to."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    _build(connection, stamp, fill)
    return connection


def _write(draft: Path, stamp: str, fill: Fill) -> None:
    # The draft is private and thrown away when anything fails: it needs neither journal nor locks.
    draft.touch(mode=0o600, exist_ok=False)
    connection = sqlite3.connect(draft)
    try:
        connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
        _build(connection, stamp, fill)
    finally:
        connection.close()


def _build(connection: sqlite3.Connection, stamp: str, fill: Fill) -> None:
    connection.execute(_STAMP)
    connection.execute("INSERT INTO stamp VALUES (?)", (stamp,))
    fill(connection)
    connection.commit()


def _sweep(folder: Path) -> None:
    """Remove drafts that interrupted builds left."""
    for draft in folder.glob(".*.draft"):
        with suppress(OSError):
            if time.time() - draft.stat().st_mtime > _STALE_AFTER:
                draft.unlink()
