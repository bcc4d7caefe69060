"""Opens the job store's file, and turns what SQLite says about it into errors a person can act on."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from tablecloud.errors import JobError, StateFileBroken
from tablecloud.jobs import statements as sql

_BROKEN = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_HINTS = {
    "SQLITE_FULL": "Free space on its disk and repeat the request; nothing was changed.",
    "SQLITE_READONLY": "Make the file and its folder writable for this user; reading still works.",
    "SQLITE_IOERR": "Look at the disk; nothing was changed.",
    "SQLITE_CANTOPEN": "Make the folder readable and writable for this user.",
    "SQLITE_BUSY": "Another process holds the file; stop it and repeat the request.",
}


class SqliteFile:
    """The one file of a service that runs alone.

    Parameters:
        path: of the file; made when missing, mode 0600.
    """

    shared = False

    def __init__(self, path: Path) -> None:
        self._path = path

    def open_writer(self) -> sqlite3.Connection:
        """Open the connection that writes; as `open_writer`."""
        return open_writer(self._path)

    def open_reader(self) -> sqlite3.Connection:
        """Open one more connection; as `open_reader`."""
        return open_reader(self._path)

    def explain(self, error: sqlite3.Error) -> JobError:
        """Return the error to raise instead of one that SQLite raised."""
        return explain(error, self._path)

    def diagnose(self, connection: sqlite3.Connection) -> None:
        """Look through the whole file; as `diagnose`."""
        diagnose(connection, self._path)


def explain(error: sqlite3.Error, path: Path) -> JobError:
    """Return the error to raise instead of `error`, which SQLite raised about the file `path`."""
    code = getattr(error, "sqlite_errorname", None) or ""
    if code.startswith(_BROKEN):
        return _broken(path, f"is damaged ({error})")
    for prefix, hint in _HINTS.items():
        if code.startswith(prefix):
            return JobError(f"The job service cannot use {path}: {error}.", hint=hint)
    return JobError(
        f"The job store {path} refused a statement: {error}.", hint="Please report this as a defect."
    )


def open_writer(path: Path) -> sqlite3.Connection:
    """Open the file for writing and create what is missing: the file itself (mode 0600) and its tables.

    Raises:
        StateFileBroken: it is damaged, is no job store, or is of another version. It is left as it is.
        JobError: it cannot be opened or written.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise JobError(
            f"The job service cannot open {path}: {error.strerror}.",
            hint="Make the folder writable for this user.",
        ) from error
    connection = _connect(path)
    try:
        _prepare(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise explain(error, path) from error
    except JobError:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Open one more connection to an existing file, unable to change it."""
    connection = _connect(path)
    for setting in sql.READER_SETTINGS:
        connection.execute(setting)
    return connection


def diagnose(connection: sqlite3.Connection, path: Path) -> None:
    """Look through the whole file; to be called where its content looks wrong.

    Raises:
        StateFileBroken: SQLite found damage.
    """
    try:
        [verdict] = connection.execute(sql.CHECK_FILE).fetchone()
    except sqlite3.Error as error:
        raise explain(error, path) from error
    if verdict != "ok":
        raise _broken(path, f"is damaged ({verdict})")


def _connect(path: Path) -> sqlite3.Connection:
    # Connections move between threads, one user at a time; SQLite itself is compiled for that.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for setting in sql.SETTINGS:
        connection.execute(setting)
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file that is not ours before anything in it changes, and make the tables of a new one."""
    if _is_new(connection, path):
        connection.executescript(f"{sql.BEGIN};\n{sql.schema()}\n{sql.WRITE_VERSION};\n{sql.COMMIT};")
    for setting in sql.WRITER_SETTINGS:
        connection.execute(setting)


def _is_new(connection: sqlite3.Connection, path: Path) -> bool:
    [version] = connection.execute(sql.READ_VERSION).fetchone()
    [tables] = connection.execute(sql.COUNT_TABLES).fetchone()
    if version == 0 and tables == 0:
        return True
    if version == sql.SCHEMA_VERSION:
        return False
    if version == 0:
        raise _broken(path, "is an SQLite file of some other program")
    raise _broken(path, f"has the format {version} and this version reads {sql.SCHEMA_VERSION}")


def _broken(path: Path, what: str) -> StateFileBroken:
    return StateFileBroken(
        f"The job store {path} {what}.",
        hint=f"Nothing was changed. Restore it from a copy, or move {path.name}* away to start with no jobs.",
    )
