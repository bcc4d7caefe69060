from collections.abc import Iterator
from pathlib import Path

import pytest

from tablecloud.errors import StateFileBroken
from tablecloud.jobs.client import count_states, find_job, read_log
from tablecloud.jobs.logs import JobLog
from tablecloud.jobs.model import Job, LogEntry, NewJob, State
from tablecloud.jobs.store import Store, UnknownJob


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "jobs.sqlite")
    yield store
    store.close()


def add(store: Store, project: str, job_id: str) -> Job:
    new = NewJob(project=project, job_id=job_id, document={"trainingInput": {}})
    return store.insert(new, uid=f"{project}{job_id}", now=1.0).result()


def line(text: str) -> LogEntry:
    return LogEntry(at=1.0, severity="INFO", task="service", message=text)


def test_without_a_store_there_are_no_jobs(tmp_path: Path) -> None:
    assert count_states(tmp_path) == {}
    with pytest.raises(UnknownJob):
        find_job(tmp_path, "a")
    assert list(tmp_path.iterdir()) == []


def test_jobs_are_counted_by_state(tmp_path: Path, store: Store) -> None:
    add(store, "p", "a")
    add(store, "p", "b")
    store.cancel("p", "a", actor="user:local", now=2.0)
    assert count_states(tmp_path) == {"CANCELLED": 1, "QUEUED": 1}


def test_a_job_is_found_by_id_or_name(tmp_path: Path, store: Store) -> None:
    job = add(store, "p", "a")
    assert find_job(tmp_path, "a") == job
    assert find_job(tmp_path, "projects/p/jobs/a") == job
    with pytest.raises(UnknownJob):
        find_job(tmp_path, "a", project="q")


def test_an_id_of_two_projects_wants_the_project(tmp_path: Path, store: Store) -> None:
    add(store, "p", "a")
    other = add(store, "q", "a")
    with pytest.raises(UnknownJob) as caught:
        find_job(tmp_path, "a")
    assert "p, q" in caught.value.message
    assert find_job(tmp_path, "a", project="q") == other


def test_a_log_is_read_to_its_end(tmp_path: Path, store: Store) -> None:
    job = add(store, "p", "a")
    assert list(read_log(tmp_path, job)) == []
    for number in range(2500):
        JobLog(tmp_path, job.uid).append(line(str(number)))
    assert [entry.message for entry in read_log(tmp_path, job)] == [str(number) for number in range(2500)]


def test_following_goes_on_until_the_job_has_ended(tmp_path: Path, store: Store) -> None:
    job = add(store, "p", "a")
    log = JobLog(tmp_path, job.uid)
    log.append(line("first"))
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        log.append(line(f"after wait {len(waits)}"))
        if len(waits) == 2:
            assert store.cancel("p", "a", actor="user:local", now=2.0).state is State.CANCELLED

    messages = [entry.message for entry in read_log(tmp_path, job, follow=True, wait=wait)]
    assert messages == ["first", "after wait 1", "after wait 2"]


def test_a_damaged_store_is_told(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(StateFileBroken):
        count_states(tmp_path)
