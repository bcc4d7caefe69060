"""Drives the attempts of trials: launch, observe, listen, stop, retry, sweep; `attempts` does it for jobs.

Each function of `TrialAttempts` takes a trial as the store holds it and returns it as the store holds it
afterwards. What is remembered here only saves work. Contract: ml-jobs-service 2.8, 5.2, 5.3.
"""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path

from tablecloud.clock import Clock
from tablecloud.errors import JobError
from tablecloud.jobs.attempts import Layout
from tablecloud.jobs.executors import Executor
from tablecloud.jobs.journal import Journal
from tablecloud.jobs.model import Job, Observation, State
from tablecloud.jobs.outcome import Advance, Retry, decide_outcome
from tablecloud.jobs.settings import ServiceSettings
from tablecloud.jobs.storage import Storage
from tablecloud.jobs.tuning.launch import METRIC_FILE, build_trial, job_of_trial
from tablecloud.jobs.tuning.sources import MetricSource
from tablecloud.jobs.tuning.space import Assignment
from tablecloud.jobs.tuning.spec import TuningSpec
from tablecloud.jobs.tuning.trial_log import TrialLog
from tablecloud.jobs.tuning.trials import EARLY, Trial, Trials

_EVENTS_SECONDS = 1.0
"""Between two walks through a trial's directory."""


@dataclass(slots=True)
class _Track:
    """What this process remembers of one attempt of a trial."""

    attempt: int
    launched: bool
    source: MetricSource
    stopping: bool = False
    broken: str | None = None
    """Why it could not be started."""
    next_events: float = 0.0


@dataclass(slots=True, kw_only=True)
class Run:
    """What this process remembers of the trials of one job."""

    job: Job
    """As of this pass."""
    spec: TuningSpec
    log: TrialLog
    heard: bool = False
    """Whether a trial reported something since somebody last asked."""
    tracks: dict[int, _Track] = field(default_factory=dict)


class TrialAttempts:
    """The attempts of trials on one executor. Parameters are those of `Attempts`."""

    def __init__(
        self,
        *,
        trials: Trials,
        executor: Executor,
        layout: Layout,
        journal: Journal,
        settings: ServiceSettings,
        clock: Clock,
    ) -> None:
        self._trials = trials
        self._executor = executor
        self._layout = layout
        self._journal = journal
        self._settings = settings
        self._clock = clock
        self._storage = Storage(settings.root)

    def create(self, run: Run, trial_id: int, assignment: Assignment) -> Trial:
        """Write a new trial, then start it."""
        trial = Trial(
            job_uid=run.job.uid,
            trial_id=trial_id,
            state=State.PREPARING,
            assignment=assignment,
            token=secrets.token_hex(16),
            ref=None,
        )
        trial = self._planned(run, trial)
        self._trials.insert(trial)
        return self.tend(run, trial)

    def tend(self, run: Run, trial: Trial) -> Trial:
        """Do what a trial needs now: start, stop, observe, move on, try again, end, sweep."""
        if trial.state.final:
            return self.sweep(run, trial)
        track = self._track(run, trial)
        if trial.stopping is not None:
            self._stop(track, trial)
        elif not track.launched:
            if trial.not_before is not None and self._clock.now() < trial.not_before:
                return trial
            self._launch(run, trial, track)
        return self._settle(run, trial, track)

    def tell_to_end(self, run: Run, trial: Trial, why: str) -> Trial:
        """Begin to stop a trial; `why` is EARLY or WITH_JOB."""
        told = replace(trial, state=State.CANCELLING, stopping=why)
        self._trials.update(told)
        self._stop(self._track(run, told), told)
        return told

    def sweep(self, run: Run, trial: Trial) -> Trial:
        """Remove what an ended trial left, once."""
        if trial.ref is None:
            return trial
        self._executor.cleanup(trial.ref)
        with contextlib.suppress(OSError):
            for attempt in range(1, trial.attempt + 1):
                folder = self._folder(trial, attempt)
                run.log.collect(trial.trial_id, attempt, folder)
                run.log.drop(folder)
        self._trials.forget_ref(trial)
        run.tracks.pop(trial.trial_id, None)
        return replace(trial, ref=None)

    def _planned(self, run: Run, trial: Trial) -> Trial:
        """Return a trial with the reference of its attempt, or as FAILED where it cannot be run."""
        try:
            spec = build_trial(self._layout.build, run.job, trial, run.spec)
        except JobError as error:
            message = f"{error} {error.hint}".strip()
            return replace(trial, state=State.FAILED, end_time=self._clock.now(), error_message=message)
        return replace(trial, ref=self._executor.plan_ref(spec))

    def _track(self, run: Run, trial: Trial) -> _Track:
        track = run.tracks.get(trial.trial_id)
        if track is None or track.attempt != trial.attempt:
            observation = self._executor.observe(trial.ref or {})
            # Without replicas nothing is known to have begun; starting again adopts what may be under way.
            launched = bool(observation.replicas) and not observation.lost
            source = MetricSource(
                file=self._folder(trial, trial.attempt) / METRIC_FILE,
                folder=self._home(run, trial),
                tag=run.spec.tag,
            )
            track = _Track(attempt=trial.attempt, launched=launched, source=source)
            run.tracks[trial.trial_id] = track
        return track

    def _launch(self, run: Run, trial: Trial, track: _Track) -> None:
        try:
            spec = build_trial(self._layout.build, run.job, trial, run.spec)
            self._executor.start(spec, trial.ref or {})
        except (JobError, OSError) as error:
            track.broken = str(error)
        track.launched = True

    def _stop(self, track: _Track, trial: Trial) -> None:
        if not track.stopping and trial.ref is not None:
            self._executor.stop(trial.ref)
            track.stopping = True

    def _settle(self, run: Run, trial: Trial, track: _Track) -> Trial:
        """Observe once, take down what the trial said, and apply what follows until nothing does."""
        if track.broken is not None:
            observation = Observation(replicas=(), lost=True, detail=track.broken)
        else:
            observation = self._executor.observe(trial.ref or {})
        # A lost attempt may have left processes: none may be alive when its trial ends or starts again.
        if observation.lost and trial.ref is not None:
            self._executor.cleanup(trial.ref)
        self._listen(run, trial, track, last=observation.finished or observation.lost)
        failed = observation.finished and any(one.exit_code or one.signal for one in observation.replicas)
        output = self._journal.output(job_of_trial(run.job, trial)) if failed else []
        while not trial.state.final:
            decision = decide_outcome(
                job_of_trial(run.job, trial),
                observation,
                settings=self._settings,
                now=self._clock.now(),
                output=output,
            )
            if isinstance(decision, Retry):
                return self._retry(run, trial, decision)
            if decision is None:
                return trial
            trial = self._advance(run, trial, decision)
        return trial

    def _listen(self, run: Run, trial: Trial, track: _Track, *, last: bool) -> None:
        """Take down what a trial reported and printed."""
        now = self._clock.monotonic()
        events = last or now >= track.next_events
        if events:
            track.next_events = now + _EVENTS_SECONDS
        if measurements := track.source.read(events=events):
            self._trials.report(trial, measurements)
            run.heard = True
        # A log that cannot be written never stops a job.
        with contextlib.suppress(OSError):
            run.log.collect(trial.trial_id, trial.attempt, self._folder(trial, trial.attempt))

    def _advance(self, run: Run, trial: Trial, advance: Advance) -> Trial:
        if not advance.to.final:
            moved = replace(trial, state=advance.to, start_time=trial.start_time or advance.started)
            self._trials.update(moved)
            return moved
        # A program that ended well before it was told to has not been stopped.
        early = trial.stopping == EARLY and advance.to is State.CANCELLED
        ended = replace(
            trial,
            state=State.SUCCEEDED if early else advance.to,
            end_time=self._clock.now(),
            stopped_early=early,
            error_message=advance.error_message if advance.to is State.FAILED else None,
        )
        self._trials.update(ended)
        self._say_end(run, ended)
        return self.sweep(run, ended)

    def _say_end(self, run: Run, trial: Trial) -> None:
        how = "was stopped early" if trial.stopped_early else trial.state.value.lower()
        text = f"Trial {trial.trial_id} {how}. {trial.error_message or ''}".rstrip()
        severity = "ERROR" if trial.state is State.FAILED else "INFO"
        self._journal.note(run.job, text, severity=severity)

    def _retry(self, run: Run, trial: Trial, retry: Retry) -> Trial:
        if trial.ref is not None:
            self._executor.cleanup(trial.ref)
        again = self._planned(
            run,
            replace(
                trial,
                attempt=trial.attempt + 1,
                token=secrets.token_hex(16),
                user_restarts=trial.user_restarts + retry.user,
                not_before=self._clock.now() + retry.delay,
            ),
        )
        self._trials.update(again)
        cause = "its program failed" if retry.user else "it was lost"
        text = f"Trial {trial.trial_id} starts again in {retry.delay:.0f}s because {cause}."
        self._journal.note(run.job, text, severity="WARNING")
        return again

    def _folder(self, trial: Trial, attempt: int) -> Path:
        return self._settings.root / "attempts" / trial.uid / str(attempt)

    def _home(self, run: Run, trial: Trial) -> Path | None:
        """Return where event files of a trial may be."""
        job_dir = job_of_trial(run.job, trial).document["trainingInput"].get("jobDir")
        try:
            return self._storage.local_path(job_dir) if job_dir else None
        except JobError:
            return None
