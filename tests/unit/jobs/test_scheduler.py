"""The scheduler against a scripted executor and a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import Bench

from tablecloud.errors import ExecutorError
from tablecloud.jobs.admission import Capacity, Demand, decide
from tablecloud.jobs.model import Job, Reason, State

MACHINE = Capacity(cpus=4.0, memory_bytes=1000)


def demand(
    uid: str, *, project: str = "p", priority: int = 0, at: float = 0.0, cpus: float = 1.0, **more
) -> Demand:
    more.setdefault("memory_bytes", 0)
    return Demand(uid=uid, project=project, priority=priority, create_time=at, cpus=cpus, **more)


def chosen(queued: list[Demand], running: list[Demand] | None = None, now: float = 100.0) -> list[str]:
    return [job.uid for job in decide(queued, running or [], MACHINE, now)]


def test_accelerators_are_counted_and_clipped() -> None:
    machine = Capacity(cpus=4.0, memory_bytes=1000, accelerators=2)
    plain, one, many = demand("a"), demand("b", at=1.0, accelerators=1), demand("c", at=2.0, accelerators=9)
    running = [demand("r", accelerators=1)]
    assert [job.uid for job in decide([plain, one, many], running, machine, 0.0)] == ["a", "b"]
    assert [job.uid for job in decide([many], [], machine, 0.0)] == ["c"]
    # Where the machine has none, nobody waits for them.
    assert len(decide([one, many], running, MACHINE, 0.0)) == 2


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def running(bench: Bench, **more) -> Job:
    job = bench.create(**more)
    bench.step()
    bench.executor.run(bench.read(job))
    bench.step()
    assert bench.read(job).state is State.RUNNING
    return bench.read(job)


class TestDecide:
    def test_priority_then_age(self) -> None:
        jobs = [demand("old", at=1), demand("older", at=0), demand("urgent", at=9, priority=5)]
        assert chosen(jobs) == ["urgent", "older", "old"]

    def test_round_robin_between_projects_of_one_priority(self) -> None:
        jobs = [demand(f"a{n}", project="a", at=n) for n in range(4)]
        jobs += [demand(f"b{n}", project="b", at=10 + n) for n in range(2)]
        assert chosen(jobs) == ["a0", "b0", "a1", "b1"]

    def test_running_jobs_count_in_the_round(self) -> None:
        busy = [demand("a0", project="a"), demand("a1", project="a")]
        queued = [
            demand("a2", project="a", at=0),
            demand("b0", project="b", at=9),
            demand("b1", project="b", at=10),
        ]
        assert chosen(queued, busy) == ["b0", "b1"]

    def test_a_gang_that_does_not_fit_is_not_overtaken(self) -> None:
        assert chosen([demand("big", cpus=4, at=0), demand("small", at=1)], [demand("x")]) == []

    def test_a_job_larger_than_the_machine_is_clipped_to_it(self) -> None:
        huge = demand("huge", cpus=640, memory_bytes=10**9)
        assert chosen([huge]) == ["huge"]
        assert chosen([huge], [demand("x")]) == []
        assert chosen([demand("x")], [huge]) == []

    def test_memory_counts_as_well(self) -> None:
        assert chosen([demand("a", memory_bytes=600, at=0), demand("b", memory_bytes=600, at=1)]) == ["a"]

    def test_a_job_in_backoff_is_passed_over_and_blocks_nobody(self) -> None:
        assert chosen([demand("waits", at=0, not_before=101.0), demand("goes", at=1)]) == ["goes"]
        assert chosen([demand("waits", at=0, not_before=100.0)]) == ["waits"]

    def test_fractions_fill_the_machine_exactly(self) -> None:
        assert len(chosen([demand(str(n), cpus=0.1, at=n) for n in range(50)])) == 40

    @given(
        st.lists(
            st.tuples(st.sampled_from("abc"), st.integers(0, 2), st.integers(1, 9), st.integers(0, 1500)),
            max_size=30,
        ),
        st.integers(0, 4),
    )
    def test_never_more_than_the_machine(self, shapes: list[tuple[str, int, int, int]], busy: int) -> None:
        queued = [
            demand(str(n), project=project, priority=priority, cpus=cpus, memory_bytes=memory, at=n)
            for n, (project, priority, cpus, memory) in enumerate(shapes)
        ]
        taken = decide(queued, [demand(f"r{n}") for n in range(busy)], MACHINE, 0.0)
        assert sum(min(job.cpus, 4.0) for job in taken) <= 4 - busy
        assert sum(min(job.memory_bytes, 1000) for job in taken) <= 1000
        assert len({job.uid for job in taken}) == len(taken)
        if queued and not busy:
            assert taken


class TestLoop:
    def test_a_job_from_queue_to_success(self, bench: Bench) -> None:
        job = running(bench)
        bench.clock.advance(3600)
        bench.executor.exit(job)
        bench.step()
        ended = bench.read(job)
        assert ended.state is State.SUCCEEDED
        assert ended.end_time == bench.clock.now()
        assert ended.error_message is None
        assert ended.output == {"consumedMLUnits": 0.1}
        assert ended.ref is None
        assert bench.states(job) == ["QUEUED", "PREPARING", "RUNNING", "SUCCEEDED"]
        assert ("cleanup", f"{job.uid}-1") in bench.executor.calls

    def test_a_quick_job_passes_through_running_in_one_pass(self, bench: Bench) -> None:
        job = bench.create()
        bench.step()
        bench.executor.exit(bench.read(job))
        bench.step()
        assert bench.states(job) == ["QUEUED", "PREPARING", "RUNNING", "SUCCEEDED"]
        assert bench.read(job).start_time is not None

    def test_the_reference_is_stored_before_start(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job = bench.create()
        seen = []
        start = bench.executor.start
        monkeypatch.setattr(
            bench.executor, "start", lambda spec, ref: (seen.append(bench.read(job)), start(spec, ref))
        )
        bench.step()
        assert [(found.state, found.attempt, found.ref) for found in seen] == [
            (State.PREPARING, 1, {"name": f"{job.uid}-1", "token": bench.read(job).token})
        ]

    def test_service_lines(self, bench: Bench) -> None:
        job = running(bench)
        bench.executor.exit(job)
        bench.step()
        assert bench.lines(job) == [
            "Validating job requirements...",
            "Job creation request has been successfully validated.",
            "Job job_1 is queued.",
            "Waiting for job to be provisioned.",
            "Waiting for training program to start.",
            "Job is preparing.",
            "Finished tearing down training program.",
            "Job completed successfully.",
        ]

    def test_the_last_line_is_there_before_the_end_is_visible(self, bench: Bench, monkeypatch) -> None:
        job = running(bench)
        bench.executor.exit(job)
        seen = []
        transition = bench.store.transition

        def spy(move, **more):
            if move.to.final:
                seen.append(bench.lines(job)[-1])
            return transition(move, **more)

        monkeypatch.setattr(bench.store, "transition", spy)
        bench.step()
        assert seen == ["Job completed successfully."]

    def test_a_user_error_fails_at_once_with_its_traceback(self, bench: Bench) -> None:
        from tablecloud.jobs.model import LogEntry

        job = running(bench)
        text = ["Traceback (most recent call last):", '  File "t.py", line 1', "ValueError: no data"]
        for line in text:
            bench.logs[job.uid].append(
                LogEntry(at=0, severity="ERROR", task="master-replica-0", message=line)
            )
        bench.executor.exit(job, 1)
        bench.step()
        ended = bench.read(job)
        assert (ended.state, ended.reason) == (State.FAILED, Reason.EXIT_NONZERO)
        assert ended.error_message == (
            "The replica master 0 exited with a non-zero status of 1. Termination reason: Error. "
            'Traceback (most recent call last):\n  File "t.py", line 1\nValueError: no data '
            "To find out more about why your job exited please check the logs: tablecloud ml logs job_1"
        )

    def test_capacity_holds_jobs_back_until_one_ends(self, bench: Bench) -> None:
        first = running(bench, document={"cpus": 4})
        second = bench.create(document={"cpus": 4})
        bench.step()
        assert bench.read(second).state is State.QUEUED
        bench.executor.exit(first)
        bench.step()
        assert bench.read(second).state is State.PREPARING

    def test_a_job_that_cannot_be_built_fails_with_the_reason(self, bench: Bench) -> None:
        job = bench.create(document={"unbuildable": True})
        bench.step()
        ended = bench.read(job)
        assert (ended.state, ended.reason) == (State.FAILED, Reason.BAD_INPUT)
        assert ended.error_message == "The job has no module. Set pythonModule."

    def test_a_document_that_trips_the_layout_fails_and_holds_up_nobody(self, bench: Bench) -> None:
        odd, other = bench.create(document={"odd": True}), bench.create()
        bench.step()
        ended = bench.read(odd)
        assert (ended.state, ended.reason) == (State.FAILED, Reason.INTERNAL)
        assert ended.error_message == (
            "The job could not be laid out: TypeError: 'NoneType' object is not iterable"
        )
        assert bench.read(other).state is State.PREPARING

    def test_a_job_that_cannot_be_built_a_second_time_fails_with_the_reason(self, bench: Bench) -> None:
        job = running(bench, document={"unbuildable_again": True})
        bench.executor.vanish(job)
        bench.step()
        ended = bench.read(job)
        assert (ended.state, ended.reason) == (State.FAILED, Reason.BAD_INPUT)
        assert bench.lines(job)[-1] == ended.error_message

    def test_more_jobs_than_one_pass_looks_at(self, bench: Bench) -> None:
        jobs = [bench.create(document={"cpus": 0.01}) for _ in range(70)]
        while bench.scheduler.step() == 0.0:
            pass
        assert all(bench.read(job).state is State.PREPARING for job in jobs)


class TestCancel:
    def test_queued_jobs_end_at_once(self, bench: Bench) -> None:
        job = bench.create()
        bench.store.cancel("demo", job.job_id, actor="user:me", now=bench.clock.now())
        bench.step()
        assert bench.states(job) == ["QUEUED", "CANCELLED"]
        assert bench.executor.calls == []

    def test_running_jobs_are_stopped_and_end_when_nothing_is_left(self, bench: Bench) -> None:
        job = running(bench)
        bench.store.cancel("demo", job.job_id, actor="user:me", now=bench.clock.now())
        bench.step()
        bench.step()
        assert bench.read(job).state is State.CANCELLING
        assert bench.executor.calls.count(("stop", f"{job.uid}-1")) == 1
        bench.executor.exit(job, 0)
        bench.step()
        ended = bench.read(job)
        assert (ended.state, ended.error_message) == (State.CANCELLED, "Cancelled by user.")

    def test_an_exit_before_the_signal_wins(self, bench: Bench) -> None:
        job = running(bench)
        bench.executor.exit(job, 0)
        bench.store.cancel("demo", job.job_id, actor="user:me", now=bench.clock.now())
        bench.step()
        ended = bench.read(job)
        assert (ended.state, ended.error_message) == (State.SUCCEEDED, None)

    def test_cancel_between_claim_and_start(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        job = bench.create()
        claim = bench.attempts.claim

        def cancel_after(jobs):
            claimed = claim(jobs)
            monkeypatch.undo()
            bench.store.cancel("demo", job.job_id, actor="user:me", now=bench.clock.now())
            return claimed

        monkeypatch.setattr(bench.attempts, "claim", cancel_after)
        bench.step()
        bench.step()
        bench.executor.exit(bench.read(job), None, signal=15)
        bench.step()
        assert bench.read(job).state is State.CANCELLED
        assert bench.executor.alive(job.uid) == 0


class TestDeadlines:
    def test_waiting_too_long_in_the_queue(self, bench: Bench) -> None:
        running(bench, document={"cpus": 4})
        job = bench.create(wait_seconds=1800)
        bench.step(1799)
        assert bench.read(job).state is State.QUEUED
        bench.step(2)
        ended = bench.read(job)
        assert (ended.state, ended.reason) == (State.CANCELLED, Reason.MAX_WAIT)
        assert ended.error_message == "The job exceeded its maximum waiting time of 1800s."

    def test_waiting_too_long_in_preparation(self, bench: Bench) -> None:
        job = bench.create(wait_seconds=1800)
        bench.step()
        bench.step(1801)
        assert bench.read(job).state is State.CANCELLING
        bench.executor.exit(bench.read(job), None, signal=15)
        bench.step()
        assert (bench.read(job).state, bench.read(job).reason) == (State.CANCELLED, Reason.MAX_WAIT)

    def test_running_too_long_cancels_and_does_not_fail(self, bench: Bench) -> None:
        job = running(bench, run_seconds=7200)
        bench.step(7200)
        assert bench.read(job).state is State.CANCELLING
        bench.executor.exit(job, 1)
        bench.step()
        ended = bench.read(job)
        assert (ended.state, ended.reason) == (State.CANCELLED, Reason.MAX_RUNNING)
        assert ended.error_message == "The job exceeded its maximum running time of 7200s."

    def test_the_waiting_time_does_not_apply_to_running_jobs(self, bench: Bench) -> None:
        job = running(bench, wait_seconds=1800)
        bench.step(3000)
        assert bench.read(job).state is State.RUNNING


class TestRetry:
    def test_a_lost_attempt_is_swept_and_tried_again_while_the_job_stays_running(self, bench: Bench) -> None:
        job = running(bench)
        bench.executor.vanish(job)
        bench.step()
        again = bench.read(job)
        assert (again.state, again.attempt) == (State.RUNNING, 2)
        assert again.token != job.token
        assert ("cleanup", f"{job.uid}-1") in bench.executor.calls
        bench.step(9)
        assert ("start", f"{job.uid}-2") not in bench.executor.calls
        bench.step(2)
        assert ("start", f"{job.uid}-2") in bench.executor.calls
        bench.executor.exit(again)
        bench.step()
        assert bench.states(job) == ["QUEUED", "PREPARING", "RUNNING", "SUCCEEDED"]
        assert bench.read(job).start_time == job.start_time

    def test_three_attempts_with_doubling_waits_then_failure(self, bench: Bench) -> None:
        job = running(bench)
        waits = []
        for _ in range(2):
            bench.executor.vanish(bench.read(job))
            bench.step(0)
            waits.append(bench.read(job).not_before - bench.clock.now())
            bench.step(waits[-1])
        assert waits == [10.0, 20.0]
        bench.executor.vanish(bench.read(job))
        bench.step()
        ended = bench.read(job)
        assert (ended.state, ended.reason, ended.attempt) == (State.FAILED, Reason.INFRA_LOST, 3)
        assert ended.error_message == "Internal error occurred for the current attempt."

    def test_an_attempt_lost_before_it_ran_goes_back_to_the_queue(self, bench: Bench) -> None:
        job = bench.create()
        bench.step()
        bench.executor.vanish(bench.read(job))
        bench.step()
        assert bench.read(job).state is State.QUEUED
        bench.step(5)
        assert bench.read(job).state is State.QUEUED
        bench.step(6)
        assert (bench.read(job).state, bench.read(job).attempt) == (State.PREPARING, 2)

    def test_an_executor_that_refuses_counts_as_a_lost_attempt(self, bench: Bench) -> None:
        job = bench.create()
        bench.executor.refuse = "The cluster is full."
        for _ in range(3):
            bench.step(60)
        ended = bench.read(job)
        assert ended.state is State.FAILED
        assert ended.error_message == "Internal error occurred for the current attempt. The cluster is full."

    def test_a_cancel_ends_the_wait_for_the_next_attempt(self, bench: Bench) -> None:
        job = running(bench)
        bench.executor.vanish(job)
        bench.step()
        bench.store.cancel("demo", job.job_id, actor="user:me", now=bench.clock.now())
        bench.step()
        assert bench.read(job).state is State.CANCELLED
        assert ("start", f"{job.uid}-2") not in bench.executor.calls

    def test_user_restarts_are_counted_apart(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path, max_user_restarts=1)
        job = running(bench)
        bench.executor.exit(job, 1)
        bench.step()
        again = bench.read(job)
        assert (again.state, again.attempt, again.user_restarts) == (State.RUNNING, 2, 1)
        bench.step()
        bench.executor.exit(again, 1)
        bench.step()
        assert bench.read(job).state is State.FAILED
        bench.close()


class TestTrouble:
    def test_a_lost_attempt_is_swept_before_its_job_ends(self, bench: Bench, monkeypatch) -> None:
        job = running(bench)
        bench.store.cancel("demo", job.job_id, actor="user:me", now=bench.clock.now())
        bench.executor.vanish(job)
        states = []
        cleanup = bench.executor.cleanup
        monkeypatch.setattr(
            bench.executor, "cleanup", lambda ref: (states.append(bench.read(job).state), cleanup(ref))
        )
        bench.step()
        assert states[0] is State.CANCELLING
        assert bench.read(job).state is State.CANCELLED

    def test_a_sweep_that_fails_is_tried_again(self, bench: Bench, monkeypatch) -> None:
        job = running(bench)
        bench.executor.exit(job)

        def stuck(ref):
            raise ExecutorError("A process does not die.")

        with monkeypatch.context() as patch:
            patch.setattr(bench.executor, "cleanup", stuck)
            bench.step()
            assert bench.read(job).state is State.SUCCEEDED
        assert bench.read(job).ref is not None
        bench.step()
        assert bench.read(job).ref is None

    def test_a_lost_attempt_that_cannot_be_swept_is_neither_retried_nor_ended(
        self, bench, monkeypatch
    ) -> None:
        job = running(bench)
        bench.executor.vanish(job)

        def stuck(ref):
            raise ExecutorError("A process does not die.")

        with monkeypatch.context() as patch:
            patch.setattr(bench.executor, "cleanup", stuck)
            bench.step()
            assert (bench.read(job).state, bench.read(job).attempt) == (State.RUNNING, 1)
        bench.step()
        assert bench.read(job).attempt == 2

    def test_an_executor_that_breaks_is_told_once_and_stops_no_other_job(
        self, bench: Bench, monkeypatch
    ) -> None:
        job, other = running(bench), running(bench)
        observe = bench.executor.observe

        def broken(ref):
            if ref["name"].startswith(job.uid):
                raise RuntimeError("no answer")
            return observe(ref)

        monkeypatch.setattr(bench.executor, "observe", broken)
        bench.executor.exit(other)
        bench.step()
        bench.step()
        assert bench.read(other).state is State.SUCCEEDED
        assert bench.lines(job).count("The service will try again: RuntimeError: no answer") == 1
        monkeypatch.undo()
        bench.executor.exit(job)
        bench.step()
        assert bench.read(job).state is State.SUCCEEDED

    def test_a_label_change_during_the_final_move_only_delays_it(self, bench: Bench, monkeypatch) -> None:
        job = running(bench)
        bench.executor.exit(job)
        observe = bench.executor.observe

        def patch_first(ref):
            monkeypatch.undo()
            bench.store.patch_labels("demo", job.job_id, {"a": "b"}, expected_revision=None)
            return observe(ref)

        monkeypatch.setattr(bench.executor, "observe", patch_first)
        bench.step()
        assert bench.read(job).state is State.RUNNING
        bench.step()
        assert (bench.read(job).state, bench.read(job).labels) == (State.SUCCEEDED, {"a": "b"})
        assert bench.lines(job).count("Job completed successfully.") == 1
