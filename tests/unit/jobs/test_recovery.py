"""Start-up after a crash at each point of an attempt's life; the world goes on while the service is gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted import Bench

from tablecloud.errors import ExecutorError
from tablecloud.jobs.model import Job, State


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def running(bench: Bench) -> Job:
    job = bench.create()
    bench.step()
    bench.executor.run(bench.read(job))
    bench.step()
    return bench.read(job)


def starts(bench: Bench, name: str) -> int:
    return bench.executor.calls.count(("start", name))


def test_running_attempts_go_on(bench: Bench) -> None:
    job = running(bench)
    bench.crash()
    bench.step()
    assert (bench.read(job).state, bench.read(job).attempt) == (State.RUNNING, 1)
    assert starts(bench, f"{job.uid}-1") == 1
    bench.executor.exit(job)
    bench.step()
    assert bench.read(job).state is State.SUCCEEDED


def test_what_ended_meanwhile_is_applied_once(bench: Bench) -> None:
    job = running(bench)
    bench.executor.exit(job, 1)
    bench.crash()
    bench.step()
    bench.crash()
    bench.step()
    assert bench.states(job) == ["QUEUED", "PREPARING", "RUNNING", "FAILED"]
    assert starts(bench, f"{job.uid}-1") == 1


def test_claimed_but_never_started_starts_under_the_same_attempt(bench: Bench) -> None:
    job = bench.create()
    bench.attempts.claim([job])
    bench.crash()
    bench.step()
    assert (bench.read(job).state, bench.read(job).attempt) == (State.PREPARING, 1)
    assert starts(bench, f"{job.uid}-1") == 1
    assert bench.executor.alive(job.uid) == 1


def test_lost_meanwhile_is_swept_and_tried_again(bench: Bench) -> None:
    job = running(bench)
    bench.executor.vanish(job)
    bench.crash()
    bench.step()
    again = bench.read(job)
    assert (again.state, again.attempt) == (State.RUNNING, 2)
    assert ("cleanup", f"{job.uid}-1") in bench.executor.calls


def test_a_crash_during_the_backoff_keeps_it(bench: Bench) -> None:
    job = running(bench)
    bench.executor.vanish(job)
    bench.step()
    bench.crash()
    bench.step(5)
    assert starts(bench, f"{job.uid}-2") == 0
    bench.step(6)
    assert starts(bench, f"{job.uid}-2") == 1
    assert bench.read(job).attempt == 2


def test_a_cancel_that_was_not_carried_out_is(bench: Bench) -> None:
    job = running(bench)
    bench.store.cancel("demo", job.job_id, actor="user:me", now=bench.clock.now())
    bench.crash()
    bench.step()
    assert ("stop", f"{job.uid}-1") in bench.executor.calls
    bench.executor.exit(job, None, signal=15)
    bench.step()
    assert bench.read(job).state is State.CANCELLED


def test_cancelled_before_it_was_started_is_never_started(bench: Bench) -> None:
    job = bench.create()
    bench.attempts.claim([job])
    bench.store.cancel("demo", job.job_id, actor="user:me", now=bench.clock.now())
    bench.crash()
    bench.step()
    assert bench.read(job).state is State.CANCELLED
    assert starts(bench, f"{job.uid}-1") == 0


def test_an_end_that_was_not_swept_is(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    job = running(bench)
    bench.executor.exit(job)
    with monkeypatch.context() as patch:
        patch.setattr(bench.attempts, "sweep", lambda job: None)
        bench.step()
    assert [found.uid for found in bench.store.unswept()] == [job.uid]
    bench.crash()
    bench.step()
    assert bench.store.unswept() == []
    assert ("cleanup", f"{job.uid}-1") in bench.executor.calls


def test_deadlines_that_passed_meanwhile_are_kept(bench: Bench) -> None:
    job = bench.create(run_seconds=60)
    bench.step()
    bench.executor.run(bench.read(job))
    bench.step()
    bench.clock.advance(3600)
    bench.crash()
    bench.step()
    assert bench.read(job).state is State.CANCELLING


def test_an_executor_out_of_order_does_not_stop_the_start(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = running(bench)

    def broken(ref):
        raise ExecutorError("The cluster does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(bench.executor, "observe", broken)
        bench.crash()
        bench.step()
        assert bench.read(job).state is State.RUNNING
    bench.step()
    assert (bench.read(job).state, bench.read(job).attempt) == (State.RUNNING, 1)
