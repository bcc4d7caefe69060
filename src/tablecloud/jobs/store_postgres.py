"""The job store in PostgreSQL, for several servers that share the work. Needs the extra `postgres`.

The statements of the store are SQLite's; what differs is translated here, so that there is one text for
both. Writers take turns by an advisory lock that every transaction holds, which is what SQLite's
`BEGIN IMMEDIATE` does, and why the store's compare-and-set needs no second thought. Contract:
ml-jobs-service 5.2.1.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from tablecloud.errors import JobError, SettingError, StateFileBroken
from tablecloud.jobs import statements as sql

if TYPE_CHECKING:
    import psycopg

_WRITER_LOCK, _TURN_LOCK = 0x7AB1EC10, 0x7AB1EC11
"""Advisory locks of a schema: of the transaction that writes, and of the server that moves the jobs."""
_WAIT_TO_WRITE = "SELECT pg_advisory_xact_lock(:lock, hashtext(current_schema()))"
_TAKE_TURN = "SELECT pg_try_advisory_lock(:lock, hashtext(current_schema()))"
_TURN_HELD = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND classid = :lock"
)

_CONNECT_SECONDS = 10
_TYPES = (
    (re.compile(r"\bTEXT\b"), 'TEXT COLLATE "C"'),  # SQLite compares bytes
    (re.compile(r"\bINTEGER\b"), "BIGINT"),
    (re.compile(r"\bREAL\b"), "DOUBLE PRECISION"),
    (re.compile(r"\bBLOB\b"), "BYTEA"),
    (re.compile(r"\)\s*WITHOUT ROWID"), ")"),
)
_TRIGGER = re.compile(
    r"CREATE TRIGGER (?:IF NOT EXISTS )?(\w+) BEFORE (UPDATE|DELETE) ON (\w+) "
    r"BEGIN SELECT raise\(ABORT, '([^']*)'\); END"
)
_PARAMETER = re.compile(r"(?<!:):([a-zA-Z_]\w*)")
_VERSION_TABLE = "CREATE TABLE IF NOT EXISTS tablecloud_jobs (version BIGINT NOT NULL)"


class PostgresConnection:
    """A connection that is used as SQLite's are: statements in their dialect, their errors.

    It connects when it is first needed, and again when the server has closed it between transactions.

    Parameters:
        url: `postgresql://…`, as libpq reads it.
        writes: whether it may change anything.

    Raises:
        sqlite3.OperationalError: there is no such server, or it refuses.
    """

    def __init__(self, url: str, *, writes: bool) -> None:
        self._url = url
        self._writes = writes
        self._connection = self._connect()

    def execute(self, statement: str, values: Mapping[str, object] = {}) -> Any:
        """Run a statement; returns a cursor with `fetchone`, `fetchall` and `rowcount`.

        Raises:
            sqlite3.Error: of the kind that SQLite would raise.
        """
        if statement != sql.BEGIN:
            return self._run(lambda connection: connection.execute(translate(statement), values))
        self._run(lambda connection: connection.execute("BEGIN"))
        return self.execute(_WAIT_TO_WRITE, {"lock": _WRITER_LOCK})

    def executemany(self, statement: str, rows: Sequence[Mapping[str, object]]) -> Any:
        """Run a statement for each of some rows of values; returns a cursor with `rowcount`.

        Raises:
            sqlite3.Error: of the kind that SQLite would raise.
        """

        def work(connection: psycopg.Connection[Any]) -> Any:
            cursor = connection.cursor()
            cursor.executemany(translate(statement), rows)
            return cursor

        return self._run(work)

    def _run(self, work: Callable[[psycopg.Connection[Any]], Any]) -> Any:
        import psycopg

        try:
            if self._connection.closed:
                self._connection = self._connect()
            return work(self._connection)
        except psycopg.Error as error:
            raise _as_sqlite(error) from error

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, a failed one included."""
        from psycopg.pq import TransactionStatus

        return bool(self._connection.info.transaction_status != TransactionStatus.IDLE)

    def close(self) -> None:
        """Close it; safe to call twice."""
        self._connection.close()

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        import psycopg

        try:
            made = psycopg.connect(
                self._url, autocommit=True, connect_timeout=_CONNECT_SECONDS, application_name="tablecloud"
            )
            # A commit that was answered survives the machine; what the server's default is does not matter.
            made.execute(
                "SET synchronous_commit = on" if self._writes else "SET default_transaction_read_only = on"
            )
        except psycopg.Error as error:
            raise _as_sqlite(error) from error
        return made


class PostgresDatabase:
    """A PostgreSQL database that holds one job store.

    Parameters:
        url: `postgresql://user:password@host:port/database`. The password is never shown.

    Raises:
        SettingError: it is no such address.
        JobError: the client library is not installed.
    """

    shared = True

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("postgresql", "postgres"):
            raise SettingError(
                "the job store's address does not begin with postgresql://",
                hint="write postgresql://USER@HOST/DATABASE, with the password in PGPASSWORD or ~/.pgpass",
            )
        try:
            import psycopg  # noqa: F401
        except ImportError as error:
            raise JobError(
                "a job store in PostgreSQL needs psycopg, which is not installed",
                hint="pip install 'tablecloud[postgres]'",
            ) from error
        self._url = url
        self._name = f"{parts.hostname or 'localhost'}{parts.path}"

    def open_writer(self) -> sqlite3.Connection:
        """Open the connection that writes, and create the tables in an empty database.

        Raises:
            StateFileBroken: the tables there are of another version.
            JobError: the database cannot be opened or written.
        """
        try:
            connection = PostgresConnection(self._url, writes=True)
            self._prepare(connection)
        except sqlite3.Error as error:
            raise self.explain(error) from error
        return cast("sqlite3.Connection", connection)

    def open_reader(self) -> sqlite3.Connection:
        """Open one more connection, unable to change anything.

        Raises:
            sqlite3.Error: it cannot be opened.
        """
        return cast("sqlite3.Connection", PostgresConnection(self._url, writes=False))

    def explain(self, error: sqlite3.Error) -> JobError:
        """Return the error to raise instead of one that a connection raised."""
        if isinstance(error, sqlite3.OperationalError):
            return JobError(
                f"The job store in PostgreSQL ({self._name}) cannot be used: {error}.",
                hint="Look whether the database runs and has room, then repeat the request.",
            )
        return JobError(
            f"The job store in PostgreSQL ({self._name}) refused a statement: {error}.",
            hint="Please report this as a defect.",
        )

    def diagnose(self, connection: sqlite3.Connection) -> None:
        """Do nothing: PostgreSQL says by itself what is damaged."""

    def _prepare(self, connection: PostgresConnection) -> None:
        connection.execute(sql.BEGIN)
        connection.execute(_VERSION_TABLE)
        found = connection.execute("SELECT version FROM tablecloud_jobs").fetchone()
        if found is None:
            for statement in split_script(sql.schema()):
                connection.execute(statement)
            version = {"version": sql.SCHEMA_VERSION}
            connection.execute("INSERT INTO tablecloud_jobs (version) VALUES (:version)", version)
        elif found[0] != sql.SCHEMA_VERSION:
            connection.close()
            raise StateFileBroken(
                f"The job store in PostgreSQL ({self._name}) has the format {found[0]} and this version "
                f"reads {sql.SCHEMA_VERSION}.",
                hint="Nothing was changed. Use another database, or the version that made this one.",
            )
        connection.execute(sql.COMMIT)


class PostgresTurn:
    """Says whether it is this server's turn to run the jobs: one of all that share a store has it.

    The turn is a lock of a connection of its own, so the database gives it to another server as soon as it
    knows that this one is gone.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: PostgresConnection | None = None
        self._held = False

    def __call__(self) -> bool:
        """Take the turn where it is free; False while another server has it, or the database is away."""
        try:
            if self._held and not self._ask(_TURN_HELD):
                # The connection was lost and made anew: another server may have had the turn meanwhile.
                self._held = False
                return False
            self._held = self._held or self._ask(_TAKE_TURN)
        except sqlite3.Error:
            self.close()
        return self._held

    def close(self) -> None:
        """Give the turn back."""
        self._held = False
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                # Said, because the database may notice a closed connection a moment later.
                self._connection.execute("SELECT pg_advisory_unlock_all()")
            self._connection.close()
            self._connection = None

    def _ask(self, question: str) -> bool:
        self._connection = self._connection or PostgresConnection(self._url, writes=True)
        return bool(self._connection.execute(question, {"lock": _TURN_LOCK}).fetchone()[0])


@lru_cache(maxsize=512)
def translate(statement: str) -> str:
    """Return a statement of the store as PostgreSQL and psycopg read it."""
    if match := _TRIGGER.search(statement):
        return _trigger(*match.groups())
    text = re.sub(r"--[^\n]*", "", statement)
    creates = text.lstrip().startswith("CREATE TABLE")
    return "".join(_translate_part(part, creates) for part in re.split(r"('[^']*')", text))


def _translate_part(part: str, creates: bool) -> str:
    part = part.replace("%", "%%")
    if part.startswith("'"):
        return part
    if creates:
        for pattern, replacement in _TYPES:
            part = pattern.sub(replacement, part)
    return _PARAMETER.sub(r"%(\1)s", part)


def _trigger(name: str, event: str, table: str, message: str) -> str:
    """Return a trigger that refuses a change."""
    return (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation'; END $$; "
        f"CREATE OR REPLACE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
    )


def split_script(script: str) -> list[str]:
    """Return the statements of a script, each of which ends in `;` at the end of a line."""
    return [one for one in script.split(";\n") if re.sub(r"--[^\n]*", "", one).strip()]


def _as_sqlite(error: psycopg.Error) -> sqlite3.Error:
    """Return SQLite's error of the same kind, which is what the store knows."""
    import psycopg

    # The primary message alone: the details show the row, which may hold what a user keeps to himself.
    text = error.diag.message_primary or " ".join(str(error).split())
    if isinstance(error, psycopg.IntegrityError):
        return sqlite3.IntegrityError(text)
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return sqlite3.OperationalError(text)
    return sqlite3.DatabaseError(text)
