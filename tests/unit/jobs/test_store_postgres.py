"""What of the store in PostgreSQL is not the store's: dialect, errors, turns, lost connections."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from postgres_server import postgres as postgres
from postgres_server import postgres_server as postgres_server

from tablecloud.errors import JobError, SettingError, StateFileBroken
from tablecloud.jobs.model import NewJob, Reason, State
from tablecloud.jobs.moves import Claim, Move
from tablecloud.jobs.store import Store
from tablecloud.jobs.store_postgres import PostgresConnection, PostgresDatabase, PostgresTurn, translate

pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
NOW = 1_700_000_000.25


@pytest.fixture
def stores(postgres: str) -> Iterator[tuple[Store, Store]]:
    """Two servers' stores on one database."""
    made = Store(PostgresDatabase(postgres)), Store(PostgresDatabase(postgres))
    yield made
    for store in made:
        store.close()


def create(store: Store, job_id: str) -> None:
    new = NewJob(project="p", job_id=job_id, document={})
    store.insert(new, uid=f"uid-{job_id}", now=NOW).result()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("SELECT a FROM t WHERE b = :b AND c = ':no'", "SELECT a FROM t WHERE b = %(b)s AND c = ':no'"),
        ("SELECT a % 2, '5%' FROM t", "SELECT a %% 2, '5%%' FROM t"),
        ("SELECT a::text FROM t -- it's :a comment", "SELECT a::text FROM t "),
        (
            "CREATE TABLE t (a TEXT, b INTEGER, c REAL, d BLOB) WITHOUT ROWID",
            'CREATE TABLE t (a TEXT COLLATE "C", b BIGINT, c DOUBLE PRECISION, d BYTEA)',
        ),
    ],
)
def test_statements_are_translated(ours: str, theirs: str) -> None:
    assert translate(ours) == theirs


def test_each_server_sees_what_the_other_wrote(stores: tuple[Store, Store]) -> None:
    one, other = stores
    create(one, "a")
    create(other, "b")
    assert [job.job_id for job in one.page("p", after=None, limit=9)] == ["a", "b"]
    second = one.get("p", "b")
    assert second is not None and second.create_time == NOW
    assert (one.position(second), other.position(second)) == (2, 2)
    assert {job.job_id for job in one.queue_heads(NOW, per_project=5)} == {"a", "b"}


def test_one_of_two_servers_claims_a_job(stores: tuple[Store, Store]) -> None:
    create(stores[0], "a")
    job = stores[0].get("p", "a")
    assert job is not None
    move = Move(
        uid=job.uid,
        from_states={State.QUEUED},
        to=State.PREPARING,
        reason=Reason.CLAIMED,
        at=NOW,
        actor="test",
        revision=job.revision,
    )
    claims = [Claim(attempt=1, token=f"t{n}", executor="process", ref={}) for n in range(2)]
    won = [store.transition(move, claim=claim) for store, claim in zip(stores, claims, strict=True)]
    assert won[0] is not None and won[1] is None
    assert stores[1].by_uid(job.uid) == won[0]


def test_events_are_never_changed(postgres: str, stores: tuple[Store, Store]) -> None:
    create(stores[0], "a")
    connection = PostgresConnection(postgres, writes=True)
    with pytest.raises(sqlite3.IntegrityError, match="never changed"):
        connection.execute("UPDATE job_events SET actor = 'x'")
    with pytest.raises(sqlite3.IntegrityError, match="duplicate key"):
        connection.execute("INSERT INTO job_events SELECT * FROM job_events")
    connection.close()


def test_readers_cannot_write(postgres: str, stores: tuple[Store, Store]) -> None:
    reader = PostgresDatabase(postgres).open_reader()
    with pytest.raises(sqlite3.Error, match="read-only"):
        reader.execute("DELETE FROM jobs")
    reader.close()


def test_a_lost_connection_is_told_once_and_made_anew(postgres: str, stores: tuple[Store, Store]) -> None:
    store, other = stores
    create(store, "a")
    _end_connections(postgres)
    for kept in stores:
        with pytest.raises(JobError, match="cannot be used") as caught:
            kept.insert(NewJob(project="p", job_id="b", document={}), uid="uid-b", now=NOW).result()
        assert "repeat" in caught.value.hint
    create(store, "b")
    assert [job.job_id for job in other.page("p", after=None, limit=9)] == ["a", "b"]


def test_the_turn_is_of_one_and_passes_on(postgres: str) -> None:
    one, other = PostgresTurn(postgres), PostgresTurn(postgres)
    assert [one(), other(), one(), other()] == [True, False, True, False]
    one.close()
    assert [other(), one(), other()] == [True, False, True]
    other.close()
    one.close()


def test_a_turn_that_was_lost_is_noticed(postgres: str) -> None:
    one, other = PostgresTurn(postgres), PostgresTurn(postgres)
    assert one() and not other()
    _end_connections(postgres)
    assert not one()
    assert one() or other()
    one.close()
    other.close()


def test_another_version_is_left_alone(postgres: str) -> None:
    Store(PostgresDatabase(postgres)).close()
    connection = PostgresConnection(postgres, writes=True)
    connection.execute("UPDATE tablecloud_jobs SET version = 99")
    connection.close()
    with pytest.raises(StateFileBroken, match="format 99"):
        Store(PostgresDatabase(postgres))


def test_the_password_is_in_no_message() -> None:
    address = "postgresql://who:s3cret@127.0.0.1:1/jobs"
    with pytest.raises(JobError) as caught:
        Store(PostgresDatabase(address))
    assert "s3cret" not in str(caught.value) and "127.0.0.1/jobs" in str(caught.value)
    with pytest.raises(SettingError) as refused:
        PostgresDatabase("mysql://who:s3cret@h/d")
    assert "s3cret" not in str(refused.value)


def _end_connections(postgres: str) -> None:
    connection = PostgresConnection(postgres, writes=True)
    connection.execute(
        "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
        "WHERE application_name = 'tablecloud' AND pid <> pg_backend_pid()"
    )
    connection.close()
