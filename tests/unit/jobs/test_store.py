"""The store on a real file: moves, pages, durability, group commit, and files that are not usable."""

from __future__ import annotations

import re
import sqlite3
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from postgres_server import postgres as postgres
from postgres_server import postgres_server as postgres_server

from tablecloud.errors import JobError, ServiceNotRunning, StateFileBroken
from tablecloud.jobs import statements
from tablecloud.jobs.model import FINAL, TRANSITIONS, Job, NewJob, Reason, State
from tablecloud.jobs.moves import Claim, IllegalMove, Move
from tablecloud.jobs.store import AlreadyFinished, JobExists, StaleRevision, Store, UnknownJob
from tablecloud.jobs.store_postgres import PostgresDatabase

NOW = 1_700_000_000.0
CHART = Path(__file__).parents[3] / "docs" / "job-states.md"
CLAIM = Claim(attempt=1, token="t", executor="scripted", ref={"name": "u-1"})


ON_A_FILE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
"""For tests that look at the file itself, or at how SQLite reads it."""


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        made = Store(tmp_path / "jobs.sqlite")
    else:
        made = Store(PostgresDatabase(request.getfixturevalue("postgres")))
    yield made
    made.close()


def create(store: Store, job_id: str = "a", *, project: str = "demo", now: float = NOW, **more) -> Job:
    more.setdefault("document", {"trainingInput": {}})
    return store.insert(
        NewJob(project=project, job_id=job_id, **more), uid=f"uid-{project}-{job_id}", now=now
    ).result()


def move(job: Job, to: State, **more) -> Move:
    more.setdefault("reason", Reason.INTERNAL)
    more.setdefault("error_message", "why" if to in (State.FAILED, State.CANCELLED) else None)
    return Move(uid=job.uid, from_states={job.state}, to=to, at=NOW + 5, actor="test", **more)


def advance(store: Store, job: Job, *states: State) -> Job:
    for state in states:
        moved = store.transition(move(job, state), claim=CLAIM if state is State.PREPARING else None)
        assert moved is not None
        job = moved
    return job


ROADS = {
    State.QUEUED: (),
    State.PREPARING: (State.PREPARING,),
    State.RUNNING: (State.PREPARING, State.RUNNING),
    State.CANCELLING: (State.PREPARING, State.CANCELLING),
    State.SUCCEEDED: (State.PREPARING, State.RUNNING, State.SUCCEEDED),
    State.FAILED: (State.FAILED,),
    State.CANCELLED: (State.CANCELLED,),
}


class TestStates:
    @pytest.mark.parametrize(("start", "to"), list(product(State, State)))
    def test_every_pair_is_allowed_exactly_as_transitions_say(
        self, store: Store, start: State, to: State
    ) -> None:
        job = advance(store, create(store), *ROADS[start])
        attempt = move(job, to)
        if to in TRANSITIONS[start]:
            moved = store.transition(attempt, claim=CLAIM if to is State.PREPARING else None)
            assert moved is not None
            assert moved.state is to
            assert (moved.end_time is not None) == to.final
            assert len(store.events(job.uid)) == len(ROADS[start]) + 2
        else:
            with pytest.raises(IllegalMove):
                store.transition(attempt)
            assert store.by_uid(job.uid) == job

    @pytest.mark.parametrize(("start", "to"), list(product([None, *State], State)))
    def test_the_database_refuses_the_same_events(self, start: State | None, to: State) -> None:
        connection = sqlite3.connect(":memory:")
        connection.executescript(statements.schema())
        values = {
            "uid": "u",
            "from": start and start.value,
            "to": to.value,
            "reason": "x",
            "at": 1.0,
            "actor": "x",
        }
        allowed = to is State.QUEUED if start is None else to in TRANSITIONS[start]
        if allowed:
            connection.execute(statements.INSERT_EVENT, values)
        else:
            with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
                connection.execute(statements.INSERT_EVENT, values)
        connection.close()

    def test_the_chart_says_the_same(self) -> None:
        arrows = set(re.findall(r"^\s+(\S+) --> (\S+?):?(?: |$)", CHART.read_text(), flags=re.MULTILINE))
        moves = {(start.value, to.value) for start, ends in TRANSITIONS.items() for to in ends}
        ends = {(state.value, "[*]") for state in FINAL}
        assert arrows == moves | ends | {("[*]", "QUEUED")}

    def test_the_schema_lists_the_states_and_no_other(self) -> None:
        [listed] = re.findall(r"CHECK \(state IN \((.*?)\)\)", statements.schema())
        assert set(re.findall(r"'(\w+)'", listed)) == {state.value for state in State}

    @pytest.mark.parametrize(
        "change",
        [
            "state = 'RUNNING', start_time = 1",  # without an attempt
            "state = 'DONE'",
            "end_time = 1",
            "state = 'SUCCEEDED'",
            "state = 'FAILED', end_time = 1",  # without a message
        ],
    )
    @ON_A_FILE
    def test_impossible_rows_cannot_be_written(self, store: Store, tmp_path: Path, change: str) -> None:
        create(store)
        connection = sqlite3.connect(tmp_path / "jobs.sqlite")
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(f"UPDATE jobs SET {change}")
        connection.close()

    @ON_A_FILE
    def test_a_second_end_cannot_be_written_nor_an_event_changed(self, store: Store, tmp_path: Path) -> None:
        job = advance(store, create(store), State.CANCELLED)
        connection = sqlite3.connect(tmp_path / "jobs.sqlite")
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
            connection.execute(
                "INSERT INTO job_events VALUES (?, 9, 'RUNNING', 'FAILED', 'internal', 1, 'x')", [job.uid]
            )
        with pytest.raises(sqlite3.IntegrityError, match="never changed"):
            connection.execute("UPDATE job_events SET at = 0")
        connection.close()


class TestTransition:
    def test_losing_is_none(self, store: Store) -> None:
        job = create(store)
        advance(store, job, State.PREPARING)
        assert store.transition(move(job, State.CANCELLED)) is None
        assert store.transition(replace(move(job, State.CANCELLED), uid="nobody")) is None

    def test_another_revision_loses(self, store: Store) -> None:
        job = create(store)
        store.patch_labels("demo", "a", {"k": "v"}, expected_revision=None)
        assert store.transition(move(job, State.CANCELLED, revision=job.revision)) is None
        assert store.transition(move(job, State.CANCELLED, revision=job.revision + 1)) is not None

    def test_deadlines_are_instants(self, store: Store) -> None:
        job = create(store, wait_seconds=1800.0, run_seconds=60.0)
        assert (job.wait_deadline, job.run_deadline) == (NOW + 1800, None)
        running = advance(store, job, State.PREPARING)
        ran = store.transition(move(running, State.RUNNING, started=NOW + 2))
        assert ran is not None
        assert (ran.start_time, ran.run_deadline) == (NOW + 2, NOW + 62)

    def test_a_message_that_is_no_text_is_stored_all_the_same(self, store: Store) -> None:
        job = create(store)
        failed = store.transition(move(job, State.FAILED, error_message="bad \udcff and \0 here"))
        assert failed is not None
        assert failed.error_message == "bad ? and \ufffd here"

    def test_many_threads_one_winner(self, store: Store) -> None:
        job = create(store)
        results: list[Job | None] = []
        threads = [
            threading.Thread(target=lambda: results.append(store.transition(move(job, State.CANCELLED))))
            for _ in range(16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(result is not None for result in results) == 1
        assert len(store.events(job.uid)) == 2


class TestCreate:
    def test_round_trip(self, store: Store) -> None:
        document = {
            "trainingInput": {"args": ["ä", "\0", "\U0001f600"], "n": 2**53, "nested": {"a": [None, 1.5]}}
        }
        job = create(store, document=document, labels={"k": ""}, priority=7)
        assert store.get("demo", "a") == job
        assert (job.document, job.labels, job.priority, job.state) == (document, {"k": ""}, 7, State.QUEUED)
        assert store.get("other", "a") is None
        [event] = store.events(job.uid)
        assert (event.seq, event.from_state, event.to_state, event.actor) == (
            1,
            None,
            State.QUEUED,
            "user:local",
        )

    def test_an_id_is_never_used_again(self, store: Store) -> None:
        job = create(store)
        advance(store, job, State.CANCELLED)
        again = store.insert(NewJob(project="demo", job_id="a", document={}), uid="other", now=NOW)
        with pytest.raises(JobExists, match=r"projects/demo/jobs/a exists"):
            again.result()
        assert create(store, project="other").job_id == "a"

    def test_a_duplicate_does_not_disturb_its_neighbours_in_the_commit(self, store: Store) -> None:
        futures: list[Future[Job]] = []
        for number in range(100):
            new = NewJob(project="demo", job_id=f"j{number // 2}", document={})
            futures.append(store.insert(new, uid=f"u{number}", now=NOW))
        failures = [future.exception() for future in futures]
        assert [isinstance(failure, JobExists) for failure in failures] == [False, True] * 50

    def test_what_a_failing_write_did_before_it_failed_is_undone(self, store: Store) -> None:
        def half(connection: sqlite3.Connection) -> None:
            connection.execute(statements.SET_POLICY, {"resource": "r", "document": "{}", "revision": 1})
            raise StaleRevision("not after all")

        with pytest.raises(StaleRevision):
            store._writer.submit(half).result()
        assert store.policy("r") is None

    def test_a_defect_in_one_write_does_not_disturb_its_neighbours(self, store: Store) -> None:
        broken, well = create(store, "broken"), create(store, "well")
        gate = threading.Event()
        store._writer.submit(lambda _: gate.wait())
        results: dict[str, object] = {}

        def without_claim() -> None:
            try:
                store.transition(move(broken, State.PREPARING))
            except JobError as error:
                results["broken"] = error

        threads = [
            threading.Thread(target=without_claim),
            threading.Thread(
                target=lambda: results.update(well=store.transition(move(well, State.CANCELLED)))
            ),
        ]
        for thread in threads:
            thread.start()
        gate.set()
        for thread in threads:
            thread.join()
        assert "CHECK" in str(results["broken"]).upper()
        assert isinstance(results["well"], Job)
        assert store.by_uid(broken.uid) == broken

    def test_a_document_that_is_no_json_is_refused(self, store: Store) -> None:
        with pytest.raises(JobError, match="cannot be stored"):
            create(store, document={"a": "\ud800"})

    def test_a_client_that_gave_up_does_not_stop_the_writer(self, store: Store, monkeypatch) -> None:
        gate = threading.Event()
        store._writer.submit(lambda _: gate.wait())
        given_up = store.insert(NewJob(project="demo", job_id="gone", document={}), uid="gone", now=NOW)
        assert given_up.cancel()
        gate.set()
        assert create(store).job_id == "a"
        assert store.get("demo", "gone") is None

    @ON_A_FILE
    def test_what_was_answered_is_on_disk(self, store: Store, tmp_path: Path) -> None:
        create(store)
        other = sqlite3.connect(tmp_path / "jobs.sqlite")
        assert other.execute("SELECT job_id FROM jobs").fetchall() == [("a",)]
        other.close()
        connection = store._writer._connection
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


class TestPages:
    def test_newest_first_ties_by_job_id_without_gaps_or_repeats(self, store: Store) -> None:
        for number in range(60):
            create(store, f"j{number:02}", now=NOW + number // 7)
        create(store, "elsewhere", project="other")
        seen: list[Job] = []
        after = None
        while page := store.page("demo", after=after, limit=7):
            seen += page
            after = (page[-1].create_time, page[-1].job_id)
        assert [job.job_id for job in seen] == [
            job.job_id for job in sorted(seen, key=lambda job: (-job.create_time, job.job_id))
        ]
        assert len({job.job_id for job in seen}) == len(seen) == 60

    @ON_A_FILE
    def test_pages_walk_the_index(self, store: Store) -> None:
        values = {"project": "p", "time": 1.0, "job_id": "a", "limit": 20}
        for statement in (statements.PAGE_FIRST, statements.PAGE_NEXT):
            plan = str(store._rows(f"EXPLAIN QUERY PLAN {statement}", values))
            assert "jobs_by_age" in plan
            assert "TEMP B-TREE" not in plan


class TestQueue:
    def test_positions(self, store: Store) -> None:
        first, second, urgent = (
            create(store, name, now=NOW + number, priority=priority)
            for number, (name, priority) in enumerate([("a", 0), ("b", 0), ("c", 9)])
        )
        assert [store.position(job) for job in (first, second, urgent)] == [2, 3, 1]
        advance(store, urgent, State.PREPARING)
        assert [store.position(job) for job in (first, second, urgent)] == [1, 2, 0]

    @ON_A_FILE
    def test_positions_after_opening_again(self, store: Store, tmp_path: Path) -> None:
        jobs = [create(store, f"j{number}", now=NOW + number) for number in range(3)]
        store.close()
        again = Store(tmp_path / "jobs.sqlite")
        assert [again.position(job) for job in jobs] == [1, 2, 3]
        again.close()

    @ON_A_FILE
    def test_heads_take_some_of_each_project(self, store: Store) -> None:
        for number in range(5):
            create(store, f"j{number}", project="a", now=NOW + number)
        create(store, "late", project="b", now=NOW + 9)
        heads = store.queue_heads(NOW, per_project=2)
        assert [(job.project, job.job_id) for job in heads] == [("a", "j0"), ("a", "j1"), ("b", "late")]
        plan = str(
            store._rows(f"EXPLAIN QUERY PLAN {statements.QUEUE_HEAD}", {"project": "", "now": 0, "limit": 1})
        )
        assert "jobs_queued" in plan
        assert "TEMP B-TREE" not in plan

    def test_overdue(self, store: Store) -> None:
        create(store, "patient")
        create(store, "late", wait_seconds=10.0)
        assert store.overdue(NOW + 9) == []
        assert [job.job_id for job in store.overdue(NOW + 10)] == ["late"]


class TestCancel:
    def test_by_state(self, store: Store) -> None:
        queued, running = (
            create(store, "q"),
            advance(store, create(store, "r"), State.PREPARING, State.RUNNING),
        )
        assert store.cancel("demo", "q", actor="user:me", now=NOW).state is State.CANCELLED
        asked = store.cancel("demo", "r", actor="user:me", now=NOW)
        assert (asked.state, asked.error_message) == (State.CANCELLING, "Cancelled by user.")
        assert asked.cancel_reason is Reason.CANCELLED_BY_USER
        assert store.cancel("demo", "r", actor="user:me", now=NOW) == asked
        with pytest.raises(AlreadyFinished, match=r"^Cannot cancel an already completed job\.$") as caught:
            store.cancel("demo", "q", actor="user:me", now=NOW)
        assert caught.value.state is State.CANCELLED
        with pytest.raises(UnknownJob):
            store.cancel("demo", "nobody", actor="user:me", now=NOW)
        assert store.events(queued.uid)[-1].actor == "user:me"
        assert store.events(running.uid)[-1].reason is Reason.CANCELLED_BY_USER


class TestLabelsAndPolicies:
    def test_labels(self, store: Store) -> None:
        create(store, labels={"a": "1"})
        patched = store.patch_labels("demo", "a", {"b": "2"}, expected_revision=1)
        assert (patched.labels, patched.labels_revision) == ({"b": "2"}, 2)
        with pytest.raises(StaleRevision):
            store.patch_labels("demo", "a", {}, expected_revision=1)
        with pytest.raises(UnknownJob):
            store.patch_labels("demo", "b", {}, expected_revision=None)
        advance(store, patched, State.CANCELLED)
        assert store.patch_labels("demo", "a", {}, expected_revision=2).labels == {}

    def test_a_state_change_keeps_the_labels_revision(self, store: Store) -> None:
        job = advance(store, create(store), State.PREPARING)
        assert (job.labels_revision, job.revision > 1) == (1, True)

    def test_policies(self, store: Store) -> None:
        assert store.policy("projects/p/jobs/a") is None
        first = store.set_policy("projects/p/jobs/a", {"bindings": []}, expected_revision=0)
        assert store.policy("projects/p/jobs/a") == first
        with pytest.raises(StaleRevision):
            store.set_policy("projects/p/jobs/a", {}, expected_revision=0)
        assert store.set_policy("projects/p/jobs/a", {}, expected_revision=None).revision == 2


class TestAttempts:
    def test_restart_is_no_move(self, store: Store) -> None:
        job = advance(store, create(store), State.PREPARING, State.RUNNING)
        claim = Claim(attempt=2, token="t2", executor="scripted", ref={"name": "u-2"}, not_before=NOW + 10)
        again = store.restart(job, claim)
        assert again is not None
        assert (again.state, again.attempt, again.ref, again.token) == (
            State.RUNNING,
            2,
            {"name": "u-2"},
            "t2",
        )
        assert len(store.events(job.uid)) == 3
        assert store.restart(job, claim) is None

    def test_a_claim_and_its_move_are_one(self, store: Store) -> None:
        job = create(store)
        claimed = store.transition(move(job, State.PREPARING, revision=job.revision), claim=CLAIM)
        assert claimed is not None
        assert (claimed.attempt, claimed.ref, claimed.executor) == (1, {"name": "u-1"}, "scripted")
        with pytest.raises(JobError, match=r"(?i)check"):
            store.transition(move(create(store, "b"), State.PREPARING))

    def test_swept_jobs_are_forgotten(self, store: Store) -> None:
        job = advance(store, create(store), State.PREPARING, State.RUNNING, State.SUCCEEDED)
        assert store.unswept() == [job]
        store.forget_ref(job.uid)
        assert store.unswept() == []


class TestFiles:
    @ON_A_FILE
    def test_modes(self, store: Store, tmp_path: Path) -> None:
        create(store)
        for file in tmp_path.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600

    @ON_A_FILE
    def test_reopening(self, store: Store, tmp_path: Path) -> None:
        job = create(store)
        store.close()
        store.close()
        with pytest.raises(ServiceNotRunning):
            create(store, "b")
        with pytest.raises(ServiceNotRunning):
            store.get("demo", "a")
        again = Store(tmp_path / "jobs.sqlite")
        assert again.get("demo", "a") == job
        again.close()

    @pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4096])
    def test_a_damaged_file(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "jobs.sqlite"
        path.write_bytes(content)
        with pytest.raises(StateFileBroken, match="is damaged") as caught:
            Store(path)
        assert str(path) in caught.value.message
        assert "move jobs.sqlite* away" in caught.value.hint
        assert path.read_bytes() == content

    @ON_A_FILE
    def test_damage_found_while_reading(self, store: Store, tmp_path: Path) -> None:
        for number in range(50):
            create(store, f"j{number}", document={"pad": "x" * 2000})
        store.close()
        path = tmp_path / "jobs.sqlite"
        data = bytearray(path.read_bytes())
        for page in range(2, len(data) // 4096):
            data[page * 4096 : page * 4096 + 200] = b"\xaa" * 200
        path.write_bytes(data)
        with pytest.raises(StateFileBroken, match="is damaged"):
            broken = Store(path)
            try:
                broken.get("demo", "j7")
            finally:
                broken.close()

    def test_another_version(self, tmp_path: Path) -> None:
        path = tmp_path / "jobs.sqlite"
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA user_version = 99")
        connection.close()
        with pytest.raises(StateFileBroken, match="has the format 99 and this version reads 1"):
            Store(path)

    def test_a_file_of_another_program(self, tmp_path: Path) -> None:
        path = tmp_path / "jobs.sqlite"
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE theirs (a)")
        connection.close()
        with pytest.raises(StateFileBroken, match="some other program"):
            Store(path)

    def test_a_folder_in_its_place(self, tmp_path: Path) -> None:
        with pytest.raises(JobError, match="cannot open"):
            Store(tmp_path)

    @ON_A_FILE
    def test_a_full_disk_refuses_writes_and_answers_reads(self, store: Store) -> None:
        create(store, "before")
        connection = store._writer._connection
        [pages] = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(JobError, match="full") as caught:
            create(store, "big", document={"pad": "x" * 100_000})
        assert "Free space" in caught.value.hint
        assert [job.job_id for job in store.page("demo", after=None, limit=10)] == ["before"]
        connection.execute("PRAGMA max_page_count = 1000000")
        assert create(store, "after").job_id == "after"

    @ON_A_FILE
    def test_a_read_only_file_refuses_writes_and_answers_reads(self, store: Store) -> None:
        create(store, "before")
        store._writer._connection.execute("PRAGMA query_only = ON")
        with pytest.raises(JobError, match="readonly"):
            create(store, "after")
        assert store.get("demo", "before") is not None
