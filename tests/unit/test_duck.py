"""The relational engine behind its one door."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema

from tablecloud.duck import Database, DatabaseSettings, quoted
from tablecloud.errors import Cancelled, QueryFailed, SqlSyntaxError, UnknownColumn

SCHEMA = Schema([Field("n", DataType.int64(), nullable=True)])


def batches(count: int, size: int = 500) -> Iterator[RecordBatch]:
    for _ in range(count):
        yield RecordBatch.from_arrays([Array(list(range(size)), DataType.int64())], schema=SCHEMA)


def reader(count: int) -> RecordBatchReader:
    return RecordBatchReader.from_batches(SCHEMA, batches(count))


@pytest.fixture
def database() -> Iterator[Database]:
    opened = Database()
    yield opened
    opened.close()


def values(database: Database, sql: str, **parameters: object) -> list[object]:
    found = database.query(sql, parameters)
    return [value for batch in found.batches for value in batch.column(0).to_pylist()]


def test_streams_and_tables_are_relations(database: Database) -> None:
    database.stream("s", reader(20))
    database.land("t", reader(2))
    assert values(
        database, "SELECT count(*) + (SELECT count(*) FROM t) + (SELECT count(*) FROM t) FROM s"
    ) == [12000]


def test_rows_stream_out_while_rows_stream_in(database: Database) -> None:
    """Python generators at both ends of one thread: what `arrowstream` is for."""
    database.stream("a", reader(300))
    database.stream("b", reader(300))
    rows = database.query("SELECT n FROM a WHERE n % 2 = 0 UNION ALL SELECT n FROM b")
    assert sum(batch.num_rows for batch in rows.batches) == 300 * 750


def test_queries_do_not_see_each_other() -> None:
    first, second = Database(), Database()
    first.land("t", reader(1))
    second.land("t", reader(2))
    assert values(first, "SELECT count(*) FROM t") == [500]
    assert values(second, "SELECT count(*) FROM t") == [1000]
    first.close()
    with pytest.raises(QueryFailed):
        second.query("SELECT * FROM first_only")
    second.close()


def test_landed_rows_spill_where_they_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "spill"
    database = Database(DatabaseSettings(memory_limit="40MB", threads=1, spill_folder=folder))
    try:
        database.run("CREATE TEMP TABLE t AS SELECT range AS n, md5(range::VARCHAR) AS h FROM range(1500000)")
        assert values(database, "SELECT count(DISTINCT h) FROM t") == [1500000]
        assert any(folder.iterdir())
    finally:
        database.close()
        Database(DatabaseSettings(memory_limit="4GB", threads=2)).close()


def test_prepared_values(database: Database) -> None:
    assert values(database, "SELECT $1 || $2", **{"1": "a", "2": "b"}) == ["ab"]
    assert values(database, "SELECT $name", name="b") == ["b"]


def test_types_that_arrow_lacks_leave_as_text(database: Database) -> None:
    found = database.query("SELECT INTERVAL 1 DAY AS d, '101'::BIT AS b, 7 AS n")
    assert [name for name, _ in found.columns] == ["d", "b", "n"]
    batch = next(found.batches)
    assert [batch.column(i).to_pylist()[0] for i in range(3)] == ["1 day", "101", 7]


def test_times_are_shown_in_utc(database: Database) -> None:
    assert values(database, "SELECT (TIMESTAMPTZ '2024-01-02 03:04:05+02')::VARCHAR") == [
        "2024-01-02 01:04:05+00"
    ]


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELEC 1", SqlSyntaxError),
        ("SELECT nope FROM range(1)", UnknownColumn),
        ("SELECT ('x' || range)::INTEGER FROM range(3)", QueryFailed),
        ("SELECT * FROM 'https://example.com/x.csv'", QueryFailed),
    ],
)
def test_errors_are_ours(database: Database, sql: str, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        values(database, sql)
    assert "LINE" not in str(caught.value)


def test_an_error_in_a_source_ends_the_query(database: Database) -> None:
    def broken() -> Iterator[RecordBatch]:
        yield from batches(1)
        raise ValueError("the source broke")

    database.stream("s", RecordBatchReader.from_batches(SCHEMA, broken()))
    with pytest.raises(QueryFailed, match="the source broke"):
        values(database, "SELECT sum(n) FROM s")


def test_interrupt_from_another_thread(database: Database) -> None:
    rows = database.query("SELECT sum(a.range * b.range) FROM range(100000000) a, range(1000000) b")
    stop = threading.Event()

    def interrupt() -> None:
        while not stop.wait(0.01):
            database.interrupt()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(Cancelled):
        list(rows.batches)
    stop.set()
    thread.join()


def test_interrupt_after_close_is_harmless() -> None:
    database = Database()
    database.close()
    database.interrupt()


def test_quoted() -> None:
    assert quoted('a"b') == '"a""b"'
