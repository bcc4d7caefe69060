"""Drives the attempts of jobs that have one: claim, start, observe, apply, stop, sweep.

Every call looks at one job as the store holds it now, asks the executor, lets `outcome` decide, and writes
the result by compare-and-set; losing that race means that the next call sees what the winner wrote. What is
kept in memory only saves work: after a crash everything is found again from the store and the executor.
Contract: ml-jobs-service 5.2, 5.3.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from tablecloud.clock import Clock
from tablecloud.jobs.executors import Executor
from tablecloud.jobs.journal import Journal
from tablecloud.jobs.model import AttemptSpec, Job, Observation, Reason, State
from tablecloud.jobs.moves import Claim, Move
from tablecloud.jobs.outcome import Advance, Decision, Retry, decide_outcome, overdue, refusal, used_units
from tablecloud.jobs.settings import ServiceSettings
from tablecloud.jobs.store import Store

ACTOR = "scheduler"

PROGRESS_SECONDS = 2.0
"""Between two looks at what a running job says of itself."""


class Weight(Protocol):
    """What a job asks of a machine, as `layout.requirements` says it."""

    @property
    def cpus(self) -> float:
        """Of all replicas together."""

    @property
    def memory_bytes(self) -> int:
        """Of all replicas together."""

    @property
    def accelerators(self) -> int:
        """Of all replicas together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a job's program has said of itself."""

    output: dict[str, object]
    """`trainingOutput` or `predictionOutput`, as it is now."""
    failure: str = ""
    """Why the program gave up, in sentences for the errorMessage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a job becomes processes, and what they say of themselves."""

    build: Callable[[Job, int, str], AttemptSpec]
    """(job, attempt, token) -> specification; raises `JobError` for a job that cannot be run."""
    requirements: Callable[[Job], Weight]
    progress: Callable[[Job], Progress | None] = lambda _: None


@dataclass(slots=True)
class _Track:
    """What this process remembers of an attempt."""

    attempt: int
    launched: bool = False
    stopping: bool = False
    said_end: bool = False
    broken: str | None = None
    """Why it could not be started."""
    looked: float = 0.0
    """When its progress was last looked at; of the monotonic clock."""


class Attempts:
    """The attempts of one store on one executor; used by one thread at a time."""

    def __init__(
        self,
        *,
        store: Store,
        executor: Executor,
        layout: Layout,
        journal: Journal,
        settings: ServiceSettings,
        clock: Clock,
    ) -> None:
        self._store = store
        self._executor = executor
        self._layout = layout
        self._journal = journal
        self._settings = settings
        self._clock = clock
        self._tracks: dict[str, _Track] = {}

    def claim(self, jobs: Sequence[Job]) -> list[Job]:
        """Take QUEUED jobs up: each gets an attempt whose reference is on disk before anything of it starts.

        Returns those that are PREPARING now; the others were cancelled, or cannot be run and are FAILED.
        """
        if not jobs:
            return []
        moves = [self._first_move(job) for job in jobs]
        claimed = []
        for job in self._store.transitions(moves):
            if job is not None and job.state is State.PREPARING:
                self._journal.claimed(job)
                claimed.append(job)
            elif job is not None:
                self._journal.ended(job, job.state, job.error_message)
        return claimed

    def expire(self, job: Job) -> None:
        """Cancel a QUEUED job whose time is over."""
        advance = overdue(job, self._clock.now())
        if advance is not None and self._advance(job, advance) is not None:
            self._journal.ended(job, advance.to, advance.error_message)

    def forget(self) -> None:
        """Forget what was remembered: another server may have moved the jobs since."""
        self._tracks.clear()

    def adopt(self, job: Job) -> None:
        """Note that an attempt found at start-up runs, or ran, so that it is not started again."""
        if job.ref is not None:
            observation = self._executor.observe(job.ref)
            # Without replicas nothing is known to have begun; starting again adopts what may be under way.
            self._track(job).launched = bool(observation.replicas) and not observation.lost

    def tend(self, job: Job) -> None:
        """Do whatever an active job needs now: start, stop, observe, move, retry, end."""
        now = self._clock.now()
        expired = overdue(job, now)
        if expired is not None:
            moved = self._advance(job, expired)
            if moved is None:
                return
            job = moved
        track = self._track(job)
        if job.state is State.CANCELLING:
            self._stop(job, track)
        elif not track.launched:
            if job.not_before is not None and now < job.not_before:
                return
            self._launch(job, track)
        self._settle(self._note_progress(job, track), track)

    def sweep(self, job: Job) -> None:
        """Remove what is left of an ended job's attempt, which comes after the end was written."""
        if job.ref is not None:
            self._executor.cleanup(job.ref)
        self._store.forget_ref(job.uid)
        self._tracks.pop(job.uid, None)

    def _first_move(self, job: Job) -> tuple[Move, Claim | None]:
        planned = self._plan(job)
        if isinstance(planned, Advance):
            return self._move(job, planned), None
        return self._move(job, Advance(to=State.PREPARING, reason=Reason.CLAIMED)), planned

    def _plan(self, job: Job, *, user: bool = False, not_before: float | None = None) -> Claim | Advance:
        """Return the next attempt of a job, or the end of a job that cannot have one."""
        token = secrets.token_hex(16)
        try:
            spec = self._layout.build(job, job.attempt + 1, token)
            ref = self._executor.plan_ref(spec)
        except Exception as error:  # one odd document must not hold up the queue
            return refusal(error)
        return Claim(
            attempt=job.attempt + 1,
            token=token,
            executor=self._executor.name,
            ref=ref,
            user_restarts=job.user_restarts + user,
            not_before=not_before,
        )

    def _track(self, job: Job) -> _Track:
        track = self._tracks.get(job.uid)
        # What is known of an earlier attempt says nothing about this one.
        if track is None or track.attempt != job.attempt:
            track = self._tracks[job.uid] = _Track(attempt=job.attempt)
        return track

    def _launch(self, job: Job, track: _Track) -> None:
        """Start the attempt, or adopt it where an earlier process of the service had started it."""
        try:
            spec = self._layout.build(job, job.attempt, job.token or "")
            self._executor.start(spec, job.ref or {})
        except Exception as error:
            # Told to `outcome` as a loss, so that refusals are retried and counted like any other.
            track.broken = str(error)
        track.launched = True

    def _stop(self, job: Job, track: _Track) -> None:
        if not track.stopping and job.ref is not None:
            self._executor.stop(job.ref)
            track.stopping = True

    def _settle(self, job: Job, track: _Track) -> None:
        """Observe once and apply what follows, move by move, until nothing does."""
        if track.broken is not None:
            observation = Observation(replicas=(), lost=True, detail=track.broken)
        else:
            observation = self._executor.observe(job.ref or {})
        # A lost attempt may have left processes: none may be alive when its job ends or starts again.
        if observation.lost and job.ref is not None:
            self._executor.cleanup(job.ref)
        failed = observation.finished and any(one.exit_code or one.signal for one in observation.replicas)
        output = self._journal.output(job) if failed else []
        if failed and (said := self._layout.progress(job)) and said.failure:
            observation = replace(observation, failed=Reason.BAD_INPUT, detail=said.failure)
        current: Job | None = job
        while current is not None:
            decision = decide_outcome(
                current, observation, settings=self._settings, now=self._clock.now(), output=output
            )
            current = self._apply(current, track, decision)

    def _note_progress(self, job: Job, track: _Track) -> Job:
        """Store what a running job says of itself, where that is new; return the job as it is then."""
        now = self._clock.monotonic()
        if job.state is not State.RUNNING or now - track.looked < PROGRESS_SECONDS:
            return job
        track.looked = now
        said = self._layout.progress(job)
        if said is None or said.output == job.output:
            return job
        return self._store.set_output(job.uid, said.output) or job

    def _apply(self, job: Job, track: _Track, decision: Decision) -> Job | None:
        """Carry a decision out; returns the job where there is more to decide."""
        if isinstance(decision, Retry):
            self._retry(job, track, decision)
        elif isinstance(decision, Advance) and decision.to.final:
            self._finish(job, track, decision)
        elif isinstance(decision, Advance):
            return self._advance(job, decision)
        return None

    def _finish(self, job: Job, track: _Track, advance: Advance) -> None:
        # Before the move, since readers stop at `endTime`; once, since the move may lose to a label change.
        if not track.said_end:
            self._journal.ended(job, advance.to, advance.error_message)
            track.said_end = True
        self._advance(job, advance)

    def _retry(self, job: Job, track: _Track, retry: Retry) -> None:
        not_before = self._clock.now() + retry.delay
        if job.ref is not None:
            self._executor.cleanup(job.ref)
        if job.state is State.PREPARING:
            back = Advance(to=State.QUEUED, reason=retry.reason)
            again = self._store.transition(self._move(job, back, not_before=not_before))
        else:
            planned = self._plan(job, user=retry.user, not_before=not_before)
            if isinstance(planned, Advance):
                self._finish(job, track, planned)
                return
            again = self._store.restart(job, planned)
        if again is not None:
            cause = "its program failed" if retry.user else "it was lost"
            text = f"Attempt {job.attempt} ended because {cause}; the next one starts in {retry.delay:.0f}s."
            self._journal.note(job, text, severity="WARNING")

    def _advance(self, job: Job, advance: Advance) -> Job | None:
        return self._store.transition(self._move(job, advance))

    def _move(self, job: Job, advance: Advance, *, not_before: float | None = None) -> Move:
        now = self._clock.now()
        return Move(
            uid=job.uid,
            from_states={job.state},
            revision=job.revision,
            to=advance.to,
            reason=advance.reason,
            at=now,
            actor=ACTOR,
            error_message=advance.error_message,
            started=advance.started,
            not_before=not_before,
            output=self._output(job, now) if advance.to.final else None,
        )

    def _output(self, job: Job, now: float) -> dict[str, object] | None:
        """Return `trainingOutput` or `predictionOutput` for a job that ends now; contract 2.10, 3.3."""
        said = self._layout.progress(job)
        output = dict(said.output) if said else {}
        if job.start_time is not None and "trainingInput" in job.document:
            cpus = self._layout.requirements(job).cpus
            output["consumedMLUnits"] = used_units(cpus, now - job.start_time)
        return output or None
