"""Makes the tables of resources that live beside the jobs in the job store's file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tablecloud.jobs.store import Store


def create_tables(store: Store, script: Path) -> None:
    """Run a script of `CREATE … IF NOT EXISTS` statements, each of which ends in `;` at the end of a line.

    Raises:
        JobError: the file cannot be written.
    """
    statements = [one for one in script.read_text(encoding="utf-8").split(";\n") if one.strip()]

    def work(connection: sqlite3.Connection) -> None:
        # One by one: `executescript` would first commit what other writers of the transaction did.
        for statement in statements:
            connection.execute(statement)

    store.write(work).result()
