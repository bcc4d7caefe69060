"""What the job store stands on: a file of this machine, or a database that several servers share."""

from __future__ import annotations

import sqlite3
from typing import Protocol

from tablecloud.errors import JobError


class Database(Protocol):
    """Opens connections that speak SQLite's dialect and raise SQLite's errors, whatever is behind them."""

    @property
    def shared(self) -> bool:
        """Whether other servers write there too, so that nothing may be remembered between questions."""
        ...

    def open_writer(self) -> sqlite3.Connection:
        """Open the connection that writes, and create what is missing.

        Raises:
            JobError: it cannot be opened, or is no job store of this version.
        """
        ...

    def open_reader(self) -> sqlite3.Connection:
        """Open one more connection, unable to change anything.

        Raises:
            sqlite3.Error: it cannot be opened.
        """
        ...

    def explain(self, error: sqlite3.Error) -> JobError:
        """Return the error to raise instead of one that a connection raised."""
        ...

    def diagnose(self, connection: sqlite3.Connection) -> None:
        """Look for damage, where an answer looks like it.

        Raises:
            StateFileBroken: there is some.
        """
        ...
