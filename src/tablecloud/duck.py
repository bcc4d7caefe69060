"""The relational engine: DuckDB's parser, and one private in-memory namespace a query. Alone imports duckdb.

It knows relations, Arrow and SQL text; nothing of calls, tables in the cloud, or sessions.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from tablecloud.errors import Cancelled, NotSupported, QueryFailed, SqlError, SqlSyntaxError, UnknownColumn

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb
    from arro3.core import RecordBatch, RecordBatchReader

_INSTANCE_LOCK = threading.Lock()
BATCH_ROWS = 4096
"""Rows of one output batch: small enough that the first rows show early, large enough to cost nothing."""

# Arrow or arro3 has no faithful form for these; they leave as their text.
_AS_TEXT = re.compile(
    r"\b(INTERVAL|BIT|BIGNUM|TIME WITH TIME ZONE|UHUGEINT|UNION|VARIANT|GEOMETRY)\b|^HUGEINT\["
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSettings:
    """What a database may use."""

    threads: int | None = None
    """None: as many as there are cores."""
    memory_limit: str | None = None
    """DuckDB's spelling, such as `1GB`; None: DuckDB's own choice, 80% of the machine."""
    spill_folder: Path | None = None
    """Where landed relations go when memory is short; None: DuckDB's own choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The answer to a query: names and types (DuckDB's spelling), then batches, computed when read."""

    columns: tuple[tuple[str, str], ...]
    batches: Generator[RecordBatch, None, None]


class Database:
    """The relations of one query. One thread runs queries on it; `interrupt` may come from another.

    Opening a DuckDB database takes 16 ms, so the queries of a process share one, and its memory limit; the
    settings given last hold. Everything a query makes is temporary there, so no other query can see it.
    """

    def __init__(self, settings: DatabaseSettings | None = None) -> None:
        import duckdb

        self._duckdb = duckdb
        self._lock = threading.Lock()
        self._closed = False
        with _INSTANCE_LOCK:
            _configure(settings or DatabaseSettings())
            self._connection = _instance().cursor()
        self._connection.execute("SET TimeZone = 'UTC'")

    def stream(self, relation: str, reader: RecordBatchReader) -> None:
        """Offer a reader under a name; it can be read by one scan of one query."""
        self._connection.register(relation, reader)

    def land(self, relation: str, reader: RecordBatchReader) -> None:
        """Read a reader to its end into a table, which may spill to disk.

        Raises:
            Cancelled, QueryFailed: interrupted, or out of memory and disk.
        """
        source = f"landing {relation}"
        self._connection.register(source, reader)
        self.run(f"CREATE TEMP TABLE {quoted(relation)} AS FROM {quoted(source)}")
        self._connection.unregister(source)

    def run(self, sql: str) -> None:
        """Run a statement for its effect.

        Raises:
            SqlError, Cancelled: see `query`.
        """
        try:
            self._connection.execute(sql)
        except self._duckdb.Error as error:
            raise _translated(error) from error

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Rows:
        """Begin a query; its rows are computed while the batches are read.

        Parameters:
            sql: one statement that returns rows.
            parameters: values of `$1` (key `1`) and `$name` (key `name`).

        Raises:
            SqlError: DuckDB refuses the text, or (while reading) the data.
            Cancelled: `interrupt` was called.
        """
        try:
            relation = self._connection.sql(sql, params=dict(parameters) if parameters else None)
            columns = tuple(zip(relation.columns, map(str, relation.types), strict=True))
        except self._duckdb.Error as error:
            raise _translated(error) from error
        return Rows(columns=columns, batches=self._batches(_presentable(relation, columns)))

    def _batches(self, relation: Any) -> Generator[RecordBatch, None, None]:
        from tablecloud.arrowstream import StreamFailed, read_stream

        try:
            # The public `__arrow_c_stream__` fixes the batch at 131,072 rows: the first page would show late.
            yield from read_stream(relation._submit("stream", BATCH_ROWS).arrow_capsule())
        except self._duckdb.Error as error:
            raise _translated(error) from error
        except StreamFailed as error:
            raise _translated(error) from error

    def interrupt(self) -> None:
        """End the query that runs, from any thread; harmless when none runs."""
        with self._lock:
            if not self._closed:
                self._connection.interrupt()

    def close(self) -> None:
        """Free everything; the database is gone."""
        with self._lock:
            self._closed = True
            self._connection.close()


def quoted(name: str) -> str:
    """Return a name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


@cache
def _instance() -> duckdb.DuckDBPyConnection:
    """Return the process's database. Callers hold `_INSTANCE_LOCK`."""
    import duckdb

    # No query of a user may make DuckDB download code.
    refusals: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    return duckdb.connect(":memory:", config=refusals)


@lru_cache(maxsize=1)
def _configure(settings: DatabaseSettings) -> None:
    """Make the settings hold; does nothing when they do already. Callers hold `_INSTANCE_LOCK`."""
    import duckdb

    instance = _instance()
    if settings.threads:
        instance.execute(f"SET threads = {int(settings.threads)}")
    if settings.memory_limit:
        instance.execute("SET memory_limit = " + _literal(settings.memory_limit))
    if settings.spill_folder:
        # DuckDB refuses to move once it has spilled; then the folder of before stays good.
        with suppress(duckdb.Error):
            instance.execute("SET temp_directory = " + _literal(str(settings.spill_folder)))


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _presentable(relation: Any, columns: tuple[tuple[str, str], ...]) -> Any:
    """Return the relation with columns that Arrow cannot carry turned into text."""
    if not any(_AS_TEXT.search(kind) for _, kind in columns):
        return relation
    terms = (
        f"CAST(#{number} AS VARCHAR) AS {quoted(name)}" if _AS_TEXT.search(kind) else f"#{number}"
        for number, (name, kind) in enumerate(columns, start=1)
    )
    return relation.project(", ".join(terms))


def _translated(error: Exception) -> SqlError | Cancelled:
    """Return our error for one of DuckDB's, by the first words of its text."""
    text = str(error)
    kind, _, message = text.partition(" Error: ")
    message = message or text
    if kind == "INTERRUPT":
        return Cancelled("the query was cancelled")
    # After an empty line DuckDB repeats the residual SQL, which the user did not write, or advises downloads.
    message, _, _ = message.partition("\n\n")
    if kind == "Parser":
        return SqlSyntaxError(message)
    if kind == "Binder" and message.startswith("Referenced column"):
        return UnknownColumn(message)
    hint = ""
    if kind == "Catalog" and message.startswith("Table with name"):
        message, _, _ = message.partition("\n")
        hint = "a table of a cloud has three names or more, such as google.ml.jobs; see SHOW PROVIDERS"
    elif kind == "Out of Memory":
        hint = "raise the memory limit, select fewer columns, or filter more"
    return QueryFailed(message, hint=hint)


def parse_select(text: str) -> bytes:
    """Return DuckDB's parse tree of one SELECT (or WITH, VALUES, FROM …) as the JSON of `json_serialize_sql`.

    Locations in the tree are byte offsets into the UTF-8 of `text`.

    Raises:
        SqlSyntaxError: the text is not SQL; `span` holds character offsets into `text`.
        NotSupported: DuckDB can run it but cannot describe it, such as PIVOT.
    """
    import msgspec

    with _INSTANCE_LOCK:
        row = _instance().execute("SELECT json_serialize_sql(?::VARCHAR)", [text]).fetchone()
    tree: bytes = row[0].encode() if row else b"{}"
    if not tree.startswith(b'{"error":true'):
        return tree
    failure = msgspec.json.decode(tree)
    message = str(failure.get("error_message", "this is not a statement"))
    if failure.get("error_type") != "parser":
        raise _refusal(message, text)
    raise SqlSyntaxError(message, text=text, span=_error_span(text, failure))


def _refusal(message: str, text: str) -> NotSupported:
    if "Only SELECT" in message:
        return NotSupported(
            "this form of statement cannot be planned over cloud tables",
            hint="write it as a SELECT; for PIVOT, use FROM t PIVOT (…) or filtered aggregates",
            text=text,
            span=(0, len(text)),
        )
    return NotSupported(message, text=text, span=(0, len(text)))


def _error_span(text: str, failure: dict[str, str]) -> tuple[int, int]:
    encoded = text.encode()
    start = min(int(failure.get("position") or 0), len(encoded))
    location = failure.get("location", "")
    length = int(location.strip("[]").split(",")[1]) if "," in location else 1
    before = len(encoded[:start].decode(errors="ignore"))
    inside = len(encoded[start : start + length].decode(errors="ignore"))
    return (before, min(before + max(inside, 1), len(text)))
