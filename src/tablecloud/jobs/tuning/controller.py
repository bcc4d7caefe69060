"""Runs tuning jobs: suggests their trials, has them driven, stops the hopeless ones, ends the job.

Re-entrant from the store alone: every pass reads the job's trials, does what they ask for, and writes each
change before it acts on it. One thread calls this, the scheduler's. Contract: ml-jobs-service 2.8, 5.3.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tablecloud.clock import Clock
from tablecloud.jobs.attempts import Layout
from tablecloud.jobs.executors import Executor
from tablecloud.jobs.journal import Journal
from tablecloud.jobs.model import Job, Reason, State
from tablecloud.jobs.moves import Move
from tablecloud.jobs.outcome import Advance, overdue
from tablecloud.jobs.settings import ServiceSettings
from tablecloud.jobs.store import Store
from tablecloud.jobs.tuning import progress
from tablecloud.jobs.tuning.algorithms import Algorithm, Past, process_available, suggest
from tablecloud.jobs.tuning.spec import TuningSpec, is_tuning, read_spec
from tablecloud.jobs.tuning.trial_attempts import Run, TrialAttempts
from tablecloud.jobs.tuning.trial_log import TrialLog
from tablecloud.jobs.tuning.trials import EARLY, WITH_JOB, Trial, Trials

ACTOR = "tuning"

_NO_NUMPY = (
    "The default search algorithm needs numpy (the extra `tuning`), which is not installed; "
    "random search takes its place."
)
_EXHAUSTED = "Every point of the search space was tried; no further trial follows."


@dataclass(slots=True, kw_only=True)
class _Search:
    """What this process remembers of one tuning job."""

    run: Run
    prior: list[Past] = field(default_factory=list)
    """The trials of the jobs it resumes, oldest first."""
    first_id: int = 1
    exhausted: bool = False
    said_end: bool = False


class Tuning:
    """The tuning jobs of one store; used by one thread at a time. Parameters are those of `Attempts`."""

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
        self._trials = Trials(store)
        self._attempts = TrialAttempts(
            trials=self._trials,
            executor=executor,
            layout=layout,
            journal=journal,
            settings=settings,
            clock=clock,
        )
        self._layout = layout
        self._journal = journal
        self._settings = settings
        self._clock = clock
        self._searches: dict[str, _Search] = {}

    def tend(self, job: Job) -> None:
        """Do whatever an active tuning job needs now."""
        expired = overdue(job, self._clock.now())
        if expired is not None:
            moved = self._move(job, expired)
            if moved is None:
                return
            job = moved
        search = self._search(job)
        trials = [self._attempts.tend(search.run, trial) for trial in self._trials.of_job(job.uid)]
        trials = self._stop_early(search, trials)
        if job.state is not State.CANCELLING:
            trials = self._start_more(search, trials)
        self._judge(search, trials)

    def sweep(self, job: Job) -> None:
        """Remove what is left of an ended job's attempts."""
        run = self._search(job).run
        for trial in self._trials.of_job(job.uid):
            self._attempts.sweep(run, trial)
        # The job's own attempt was never started: it is a place for its log.
        self._store.forget_ref(job.uid)
        self._searches.pop(job.uid, None)

    def _search(self, job: Job) -> _Search:
        search = self._searches.get(job.uid)
        if search is None:
            search = self._searches[job.uid] = self._found_search(job)
        search.run.job = job
        return search

    def _found_search(self, job: Job) -> _Search:
        folder = self._settings.root / "attempts" / job.uid / str(job.attempt)
        spec = read_spec(job.document)
        search = _Search(run=Run(job=job, spec=spec, log=TrialLog(folder)))
        for previous in self._resumed(job, spec):
            trials = self._trials.of_job(previous.uid)
            search.prior += progress.history(trials, self._trials.finals(previous.uid))
            search.first_id = max([search.first_id, *(trial.trial_id + 1 for trial in trials)])
        return search

    def _resumed(self, job: Job, spec: TuningSpec) -> list[Job]:
        """Return the job that a job resumes, after the one that that one resumes, and so on."""
        found: list[Job] = []
        while spec.resumes and (previous := self._store.get(job.project, spec.resumes)) is not None:
            # Validation lets a job resume ended tuning jobs only, which cannot lead back to it.
            if not is_tuning(previous.document):
                break
            found.insert(0, previous)
            spec = read_spec(previous.document)
        return found

    def _stop_early(self, search: _Search, trials: list[Trial]) -> list[Trial]:
        """Tell the trials to end that early stopping finds hopeless, where any of them said something new."""
        run = search.run
        if not run.spec.early_stopping or not run.heard:
            return trials
        run.heard = False
        hopeless = progress.not_worth_going_on(run.spec, trials, self._trials.metrics(run.job.uid))
        for trial in hopeless:
            text = f"Trial {trial.trial_id} is worse than the median of the others and is stopped."
            self._journal.note(run.job, text)
        return [
            self._attempts.tell_to_end(run, trial, EARLY) if trial in hopeless else trial for trial in trials
        ]

    def _start_more(self, search: _Search, trials: list[Trial]) -> list[Trial]:
        """Start the trials that may start now; returns all there are then."""
        run = search.run
        verdict = progress.judge(run.spec, trials, cancelling=False, exhausted=search.exhausted)
        if not verdict.start:
            return trials
        if not trials and run.spec.algorithm is Algorithm.GAUSSIAN and not process_available():
            self._journal.note(run.job, _NO_NUMPY, severity="WARNING")
        past = [*search.prior, *progress.history(trials, self._trials.finals(run.job.uid))]
        next_id = max([search.first_id, *(trial.trial_id + 1 for trial in trials)])
        started = list(trials)
        for number in range(verdict.start):
            assignment = suggest(
                run.spec.algorithm,
                seed=run.job.uid,
                parameters=run.spec.parameters,
                history=past,
                maximize=run.spec.maximize,
            )
            if assignment is None:
                search.exhausted = True
                self._journal.note(run.job, _EXHAUSTED)
                break
            past.append(Past(assignment=assignment, pending=True))
            started.append(self._attempts.create(run, next_id + number, assignment))
        return started

    def _judge(self, search: _Search, trials: list[Trial]) -> None:
        """Move the job on, or end it, as its trials ask for."""
        run, job = search.run, search.run.job
        verdict = progress.judge(
            run.spec, trials, cancelling=job.state is State.CANCELLING, exhausted=search.exhausted
        )
        if verdict.stop_all:
            for trial in trials:
                if not trial.state.final and trial.stopping is None:
                    self._attempts.tell_to_end(run, trial, WITH_JOB)
        begun = [trial.start_time for trial in trials if trial.start_time is not None]
        if job.state is State.PREPARING and (begun or verdict.end is State.SUCCEEDED):
            begin = Advance(to=State.RUNNING, reason=Reason.STARTED, started=min(begun, default=None))
            moved = self._move(job, begin)
            if moved is None:
                return
            job = moved
        self._show(search, job, trials)
        if verdict.end is not None:
            self._end(search, job, verdict.end, verdict.message)

    def _show(self, search: _Search, job: Job, trials: list[Trial]) -> None:
        """Write the job's output where it is another one than before."""
        spec = search.run.spec
        cpus = self._layout.requirements(job).cpus / spec.parallel_trials
        output = progress.training_output(spec, trials, self._trials.finals(job.uid), cpus=cpus)
        if trials and output != job.output:
            self._store.set_output(job.uid, output)

    def _end(self, search: _Search, job: Job, end: State, message: str | None) -> None:
        reason = Reason.EXIT_ZERO if end is State.SUCCEEDED else Reason.EXIT_NONZERO
        if end is State.CANCELLED:
            reason = job.cancel_reason or Reason.CANCELLED_BY_USER
            message = job.error_message or "Cancelled."
        if not search.said_end:
            self._journal.ended(job, end, message)
            search.said_end = True
        self._move(job, Advance(to=end, reason=reason, error_message=message))

    def _move(self, job: Job, advance: Advance) -> Job | None:
        return self._store.transition(
            Move(
                uid=job.uid,
                from_states={job.state},
                to=advance.to,
                reason=advance.reason,
                at=self._clock.now(),
                actor=ACTOR,
                error_message=advance.error_message,
                started=advance.started,
            )
        )
