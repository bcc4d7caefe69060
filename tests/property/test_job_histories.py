"""In whatever order requests, exits, losses and crashes come, a history is legal and ends once at most."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from scripted import Bench, Crash

from tablecloud.jobs.model import FINAL, TRANSITIONS, Job, State
from tablecloud.jobs.store import AlreadyFinished

PICK = st.integers(0, 5)


class Histories(RuleBasedStateMachine):
    """One machine, a few jobs, and everything that can happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.bench = Bench(Path(self.folder.name), max_user_restarts=1, infra_backoff_seconds=1.0)
        self.jobs: list[Job] = []

    def teardown(self) -> None:
        self.drive_to_the_end()
        self.bench.close()
        self.folder.cleanup()

    def drive_to_the_end(self) -> None:
        """Let everything that runs exit: then every job must end, and nothing may be left."""
        for _ in range(60):
            if all(self.bench.read(job).state.final for job in self.jobs):
                break
            for job in self.jobs:
                self.exit_primary(job, 1)
            self.bench.step(5)
        self.bench.step()
        for job in self.jobs:
            assert self.bench.read(job).state.final
            assert self.bench.executor.alive(job.uid) == 0
        assert self.bench.store.unswept() == []

    def job(self, pick: int) -> Job:
        return self.bench.read(self.jobs[pick % len(self.jobs)])

    def attempt(self, job: Job):
        return self.bench.executor.world.get(f"{job.uid}-{job.attempt}")

    def exit_primary(self, job: Job, code: int) -> None:
        job = self.bench.read(job)
        attempt = self.attempt(job)
        if attempt is not None and attempt.alive:
            self.bench.executor.exit(job, code)

    @precondition(lambda self: len(self.jobs) < 6)
    @rule(cpus=st.integers(1, 8), wait=st.sampled_from([None, 3.0]), run=st.sampled_from([None, 3.0]))
    def create(self, cpus: int, wait: float | None, run: float | None) -> None:
        self.jobs.append(self.bench.create(document={"cpus": cpus}, wait_seconds=wait, run_seconds=run))

    @rule(seconds=st.sampled_from([0.25, 1.0, 4.0]))
    def step(self, seconds: float) -> None:
        self.bench.step(seconds)

    @rule(calls=st.integers(0, 8))
    def crash_in_the_middle_of_a_pass(self, calls: int) -> None:
        """Before or after any call of the executor; what the store had committed stays."""
        self.bench.executor.fuse = calls
        with suppress(Crash):
            self.bench.step()
        self.bench.executor.fuse = None
        self.bench.crash()

    @precondition(lambda self: self.jobs)
    @rule(pick=PICK)
    def run(self, pick: int) -> None:
        job = self.job(pick)
        attempt = self.attempt(job)
        if attempt is not None and attempt.alive:
            self.bench.executor.run(job)

    @precondition(lambda self: self.jobs)
    @rule(pick=PICK, code=st.sampled_from([0, 0, 1, 137]))
    def exit(self, pick: int, code: int) -> None:
        self.exit_primary(self.job(pick), code)

    @precondition(lambda self: self.jobs)
    @rule(pick=PICK)
    def lose(self, pick: int) -> None:
        job = self.job(pick)
        attempt = self.attempt(job)
        if attempt is not None and attempt.alive:
            self.bench.executor.vanish(job)

    @precondition(lambda self: self.jobs)
    @rule(pick=PICK)
    def cancel(self, pick: int) -> None:
        with suppress(AlreadyFinished):
            self.bench.store.cancel("demo", self.job(pick).job_id, actor="user:x", now=self.bench.clock.now())

    @precondition(lambda self: self.jobs)
    @rule(pick=PICK)
    def patch(self, pick: int) -> None:
        self.bench.store.patch_labels("demo", self.job(pick).job_id, {"n": "x"}, expected_revision=None)

    @rule()
    def crash(self) -> None:
        self.bench.crash()

    @rule(refuses=st.booleans())
    def executor_refuses(self, refuses: bool) -> None:
        self.bench.executor.refuse = "Full." if refuses else None

    @invariant()
    def histories_are_legal(self) -> None:
        for known in self.jobs:
            job = self.bench.read(known)
            events = self.bench.store.events(job.uid)
            assert [event.seq for event in events] == list(range(1, len(events) + 1))
            assert events[0].from_state is None
            for before, after in pairwise(events):
                assert after.from_state is before.to_state
                assert after.to_state in TRANSITIONS[before.to_state]
                assert after.at >= before.at
            assert sum(event.to_state in FINAL for event in events) == job.state.final
            assert job.state is events[-1].to_state
            assert (job.end_time is not None) == job.state.final

    @invariant()
    def at_most_one_attempt_lives(self) -> None:
        assert self.bench.executor.violations == []
        for known in self.jobs:
            job = self.bench.read(known)
            alive = self.bench.executor.alive(job.uid)
            assert alive <= 1
            if job.state.final:
                assert alive == 0

    @invariant()
    def the_machine_is_never_overfull(self) -> None:
        active = self.bench.store.active()
        assert sum(min(job.document["cpus"], 4) for job in active) <= 4 or len(active) == 1

    @invariant()
    def positions_are_the_queue(self) -> None:
        queued = [job for job in map(self.bench.read, self.jobs) if job.state is State.QUEUED]
        places = [self.bench.store.position(job) for job in queued]
        assert sorted(places) == list(range(1, len(queued) + 1))


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=30, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
