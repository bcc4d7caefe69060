"""What a tuning job does next, and what its `trainingOutput` says. Pure. Contract: ml-jobs-service 2.8."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tablecloud.jobs.model import State
from tablecloud.jobs.outcome import used_units
from tablecloud.jobs.tuning.algorithms import Past
from tablecloud.jobs.tuning.early_stopping import ENOUGH, median_says_stop
from tablecloud.jobs.tuning.metrics import Measurement
from tablecloud.jobs.tuning.space import text_of
from tablecloud.jobs.tuning.spec import TuningSpec
from tablecloud.jobs.tuning.trials import Trial
from tablecloud.jobs.wire.times import format_seconds

Metrics = Mapping[int, Sequence[Measurement]]
"""What each trial reported, in order."""
Finals = Mapping[int, Measurement]
"""The final metric of each trial that has one."""

_TOLERATED = 3
"""Failed trials that never fail a job by their number alone, where the user did not say how many may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to do about a job as a whole."""

    end: State | None = None
    """How it ends, once no trial is left."""
    message: str | None = None
    """Of an end that is no success."""
    stop_all: bool = False
    """Its trials are to end first."""
    start: int = 0
    """How many trials may be started now."""


def judge(spec: TuningSpec, trials: Sequence[Trial], *, cancelling: bool, exhausted: bool) -> Verdict:
    """Say what follows from the trials so far.

    Parameters:
        cancelling: the job was asked to end.
        exhausted: there is no further point to try.
    """
    active = sum(not trial.state.final for trial in trials)
    complete = len(trials) >= spec.max_trials or exhausted
    stopped = any(trial.state is State.CANCELLED for trial in trials)
    failure = why_failed(spec, trials)
    if cancelling and (active or stopped or not complete):
        return Verdict(stop_all=True, end=None if active else State.CANCELLED)
    if failure is not None:
        return Verdict(stop_all=True, end=None if active else State.FAILED, message=failure)
    if complete:
        return Verdict(end=None if active else State.SUCCEEDED)
    return Verdict(start=max(min(spec.parallel_trials - active, spec.max_trials - len(trials)), 0))


def why_failed(spec: TuningSpec, trials: Sequence[Trial]) -> str | None:
    """Say why a job fails because of its trials; None where it does not."""
    failed = [trial for trial in trials if trial.state is State.FAILED]
    limit = spec.max_failed_trials or max(_TOLERATED, math.ceil(spec.max_trials / 2))
    first = trials[: spec.parallel_trials]
    hopeless = (
        not spec.max_failed_trials
        and len(first) == spec.parallel_trials
        and all(trial.state is State.FAILED for trial in first)
    )
    if len(failed) < limit and not hopeless:
        return None
    last = max(failed, key=lambda trial: (trial.end_time or 0.0, trial.trial_id))
    count = f"{len(failed)} of {len(trials)} hyperparameter tuning trials failed."
    return f"{count} Trial {last.trial_id}: {last.error_message or 'It failed.'}"


def history(trials: Sequence[Trial], finals: Finals) -> list[Past]:
    """Return the trials as the search algorithms know them."""
    return [_past(trial, finals.get(trial.trial_id)) for trial in trials]


def not_worth_going_on(spec: TuningSpec, trials: Sequence[Trial], metrics: Metrics) -> list[Trial]:
    """Return the running trials that early stopping ends now."""
    completed = [
        [(one.step, one.value) for one in metrics.get(trial.trial_id, ())]
        for trial in trials
        if trial.state is State.SUCCEEDED
    ]
    if not spec.early_stopping or len(completed) < ENOUGH:
        return []
    return [
        trial
        for trial in trials
        if trial.state is State.RUNNING
        and median_says_stop(
            [(one.step, one.value) for one in metrics.get(trial.trial_id, ())],
            completed,
            maximize=spec.maximize,
        )
    ]


def training_output(
    spec: TuningSpec, trials: Sequence[Trial], finals: Finals, *, cpus: float
) -> dict[str, Any]:
    """Return the TrainingOutput of a tuning job: its trials best first, then those without a metric.

    Parameters:
        cpus: of one trial; what it used counts once it has ended.
    """
    seconds = sum(
        trial.end_time - trial.start_time
        for trial in trials
        if trial.start_time is not None and trial.end_time is not None
    )
    output: dict[str, Any] = {
        "isHyperparameterTuningJob": True,
        "hyperparameterMetricTag": spec.tag,
        "completedTrialCount": str(sum(trial.state is State.SUCCEEDED for trial in trials)),
        "consumedMLUnits": used_units(cpus, seconds),
    }
    if trials:
        ranked = sorted(trials, key=lambda trial: _rank(spec, trial, finals.get(trial.trial_id)))
        output["trials"] = [_document(trial, finals.get(trial.trial_id)) for trial in ranked]
    return output


def _past(trial: Trial, metric: Measurement | None) -> Past:
    if not trial.state.final:
        return Past(assignment=trial.assignment, pending=True)
    feasible = trial.state is State.SUCCEEDED and metric is not None
    return Past(assignment=trial.assignment, value=metric.value if feasible and metric else None)


def _rank(spec: TuningSpec, trial: Trial, metric: Measurement | None) -> tuple[bool, float, int]:
    if metric is None:
        return True, 0.0, trial.trial_id
    return False, -metric.value if spec.maximize else metric.value, trial.trial_id


def _document(trial: Trial, metric: Measurement | None) -> dict[str, Any]:
    """Return one HyperparameterOutput."""
    document: dict[str, Any] = {
        "trialId": str(trial.trial_id),
        "hyperparameters": {name: text_of(value) for name, value in trial.assignment.items()},
        "state": trial.state.value,
    }
    if trial.start_time is not None:
        document["startTime"] = format_seconds(trial.start_time)
    if trial.end_time is not None:
        document["endTime"] = format_seconds(trial.end_time)
    if metric is not None:
        document["finalMetric"] = {"trainingStep": str(metric.step), "objectiveValue": metric.value}
    if trial.stopped_early:
        document["isTrialStoppedEarly"] = True
    return document
