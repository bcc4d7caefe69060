"""What files cannot say of themselves: what clients said of objects, and checksums once computed.

One SQLite file beside the buckets, keyed by bucket and name. A row holds for a file only while the file's
size and time of change are the row's: a program that rewrites the file behind the service's back makes it a
new object, and nothing stale is told of it.
"""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from tablecloud.jobs.gcs.model import Checksums
from tablecloud.jobs.store_file import explain

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (
  bucket TEXT NOT NULL,
  name TEXT NOT NULL,
  size INTEGER NOT NULL,
  changed_ns INTEGER NOT NULL,
  metageneration INTEGER NOT NULL,
  updated REAL NOT NULL,
  md5 BLOB,
  crc32c BLOB,
  fields TEXT NOT NULL,
  PRIMARY KEY (bucket, name)
) WITHOUT ROWID
"""
_GET = (
    "SELECT size, changed_ns, metageneration, updated, md5, crc32c, fields FROM facts "
    "WHERE bucket = ? AND name = ?"
)
_PUT = "INSERT OR REPLACE INTO facts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_FOLDERS = "SELECT name FROM facts WHERE bucket = ? AND name >= ? AND substr(name, -1) = '/' ORDER BY name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One row: what is known of one content."""

    size: int
    changed_ns: int
    metageneration: int = 1
    updated: float
    checksums: Checksums | None = None
    fields: dict[str, Any] = field(default_factory=dict)


class FactFile:
    """The open file; safe to use from any thread.

    Parameters:
        path: of the file; made when missing. A damaged one is put aside as `.broken`: objects can do without.

    Raises:
        JobError: it cannot be opened or written: a full disk, a folder that is read-only.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            self._connection = _opened(path)
        except sqlite3.Error as error:
            raise explain(error, path) from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def get(self, bucket: str, name: str) -> Facts | None:
        """Return the row of an object; whether it still holds is for the caller to see."""
        with self._lock:
            row = self._connection.execute(_GET, (bucket, name)).fetchone()
        if row is None:
            return None
        size, changed_ns, metageneration, updated, md5, crc32c, fields = row
        return Facts(
            size=size,
            changed_ns=changed_ns,
            metageneration=metageneration,
            updated=updated,
            checksums=Checksums(md5=md5, crc32c=crc32c) if md5 is not None else None,
            fields=msgspec.json.decode(fields),
        )

    def put(self, bucket: str, name: str, facts: Facts) -> None:
        """Write the row of an object."""
        sums = facts.checksums
        row = (
            bucket,
            name,
            facts.size,
            facts.changed_ns,
            facts.metageneration,
            facts.updated,
            sums.md5 if sums else None,
            sums.crc32c if sums else None,
            msgspec.json.encode(facts.fields).decode(),
        )
        with self._lock:
            self._connection.execute(_PUT, row)

    def forget(self, bucket: str, name: str) -> None:
        """Remove the row of an object."""
        with self._lock:
            self._connection.execute("DELETE FROM facts WHERE bucket = ? AND name = ?", (bucket, name))

    def forget_bucket(self, bucket: str) -> None:
        """Remove every row of a bucket."""
        with self._lock:
            self._connection.execute("DELETE FROM facts WHERE bucket = ?", (bucket,))

    def folders(self, bucket: str, prefix: str) -> list[str]:
        """Return the folder objects whose names begin with a prefix, in order."""
        with self._lock:
            rows = self._connection.execute(_FOLDERS, (bucket, prefix)).fetchall()
        return [name for [name] in rows if name.startswith(prefix)]


def _opened(path: Path) -> sqlite3.Connection:
    try:
        return _open(path)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise
        path.replace(path.with_suffix(".broken"))
        return _open(path)


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        path.chmod(0o600)
        # NORMAL: what a power cut takes is computed again, or is a content type.
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL", _SCHEMA):
            connection.execute(statement)
    except sqlite3.Error:
        connection.close()
        raise
    return connection
