"""What can be done with studies: the functions behind the API's methods. Contract: ml-jobs-service 1.15."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tablecloud.clock import Clock
from tablecloud.jobs.store import Store
from tablecloud.jobs.studies import rules
from tablecloud.jobs.studies.config import StudySpec, read_config
from tablecloud.jobs.studies.model import (
    MOST_TRIALS,
    BadTrial,
    Study,
    StudyName,
    StudyState,
    StudyTrial,
    TooManyTrials,
    TrialState,
    UnknownTrial,
    WrongTrialState,
)
from tablecloud.jobs.studies.store import StudyStore
from tablecloud.jobs.tuning.algorithms import Past, suggest
from tablecloud.jobs.tuning.space import Assignment

_MAY_BE_CREATED = (TrialState.REQUESTED, TrialState.ACTIVE, TrialState.COMPLETED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestions:
    """What a client is to try next."""

    trials: list[StudyTrial]
    state: StudyState


class Studies:
    """The studies of one job store; safe to use from any thread.

    `rows` holds the questions and changes that need no rule: get, list, delete, operations.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self.rows = StudyStore(store)
        self._clock = clock
        self._suggesting = threading.Lock()

    def create(self, name: StudyName, config: dict[str, Any]) -> Study:
        """Begin a study.

        Raises:
            BadParameter: the configuration breaks a rule.
            StudyExists: there is a study of this name.
        """
        read_config(config)
        study = Study(name=name, config=config, create_time=self._clock.now())
        self.rows.insert(study)
        return study

    def create_trial(self, name: StudyName, document: Mapping[str, Any]) -> StudyTrial:
        """Add a trial that a user describes: to be tried, under way, or measured already.

        Parameters:
            document: a Trial, canonical.

        Raises:
            UnknownStudy, BadTrial, TooManyTrials.
        """
        spec = read_config(self.rows.get(name).config)
        given = document.get("state", "")
        state = TrialState.REQUESTED if given in ("", "STATE_UNSPECIFIED") else TrialState(given)
        if state not in _MAY_BE_CREATED:
            raise BadTrial("state", f"A trial cannot be created in the state {state.value}.")
        self._check_room(name)
        now = self._clock.now()
        measurements = list(document.get("measurements", ()))
        for index, measurement in enumerate(measurements):
            rules.check_measurement(measurement, f"measurements[{index}]")
        rules.check_order(measurements, "measurements")
        trial = StudyTrial(
            trial_id=0,
            state=state,
            parameters=rules.parameter_documents(
                spec, rules.read_assignment(spec, document.get("parameters", ()))
            ),
            measurements=measurements,
            start_time=None if state is TrialState.REQUESTED else now,
        )
        if state is TrialState.COMPLETED:
            trial = _completed(trial, {"finalMeasurement": document.get("finalMeasurement")}, now)
        return self.rows.add(name, [trial])[0]

    def suggest(self, name: StudyName, client_id: str, count: int) -> Suggestions:
        """Return what a client is to try: what it was told before and has not completed, then new trials.

        Raises:
            UnknownStudy: there is no such study.
            TooManyTrials: the study is full, and there is nothing to return.
        """
        # One at a time: two clients must not be given one point, nor one client two.
        with self._suggesting:
            study = self.rows.get(name)
            trials = self.rows.trials(name)
            chosen = [one for one in trials if one.state is TrialState.ACTIVE and one.client_id == client_id][
                :count
            ]
            chosen += self._hand_out(name, trials, client_id, count - len(chosen))
            missing = count - len(chosen)
            if missing <= 0:
                return Suggestions(trials=chosen, state=study.state)
            room = MOST_TRIALS - len(trials)
            if room <= 0 and not chosen:
                raise _too_many()
            points = self._points(study, trials, min(missing, room))
            fresh = self.rows.add(name, [self._fresh(study, point, client_id) for point in points])
            exhausted = len(points) < min(missing, room)
            state = StudyState.COMPLETED if exhausted else study.state
            if state is not study.state:
                self.rows.set_state(name, state)
            return Suggestions(trials=[*chosen, *fresh], state=state)

    def add_measurement(self, name: StudyName, trial_id: int, measurement: dict[str, Any]) -> StudyTrial:
        """Add an intermediate measurement to a trial that is under way.

        Raises:
            UnknownTrial, BadTrial, WrongTrialState.
        """
        rules.check_measurement(measurement, "measurement")

        def how(trial: StudyTrial) -> StudyTrial:
            _require(trial, "be measured", TrialState.ACTIVE, TrialState.STOPPING)
            measurements = [*trial.measurements, measurement]
            rules.check_order(measurements, "measurement")
            return replace(trial, measurements=measurements)

        return self.rows.change(name, trial_id, how)

    def complete(self, name: StudyName, trial_id: int, request: Mapping[str, Any]) -> StudyTrial:
        """End a trial with its final measurement, the last one reported, or as infeasible.

        Parameters:
            request: a CompleteTrialRequest, canonical.

        Raises:
            UnknownTrial, BadTrial, WrongTrialState.
        """
        now = self._clock.now()

        def how(trial: StudyTrial) -> StudyTrial:
            _require(trial, "be completed", TrialState.REQUESTED, TrialState.ACTIVE, TrialState.STOPPING)
            return _completed(trial, request, now)

        return self.rows.change(name, trial_id, how)

    def stop(self, name: StudyName, trial_id: int) -> StudyTrial:
        """Ask for a trial's end; its client still has to complete it.

        Raises:
            UnknownTrial, WrongTrialState.
        """

        def how(trial: StudyTrial) -> StudyTrial:
            _require(trial, "be stopped", TrialState.ACTIVE, TrialState.STOPPING)
            return replace(trial, state=TrialState.STOPPING)

        return self.rows.change(name, trial_id, how)

    def should_stop(self, name: StudyName, trial_id: int) -> bool:
        """Say whether a trial is not worth going on, by the study's rule of early stopping.

        Raises:
            UnknownStudy, UnknownTrial.
        """
        spec = read_config(self.rows.get(name).config)
        trial = self.rows.trial(name, trial_id)
        return rules.should_stop(spec, trial, self.rows.trials(name))

    def optimal_trials(self, name: StudyName) -> list[StudyTrial]:
        """Return the best trial, or with several metrics the Pareto front.

        Raises:
            UnknownStudy: there is no such study.
        """
        spec = read_config(self.rows.get(name).config)
        return rules.optimal_trials(spec, self.rows.trials(name))

    def _check_room(self, name: StudyName) -> None:
        if len(self.rows.trials(name)) >= MOST_TRIALS:
            raise _too_many()

    def _hand_out(
        self, name: StudyName, trials: list[StudyTrial], client_id: str, count: int
    ) -> list[StudyTrial]:
        """Give a client up to `count` of the trials that users want tried."""
        now = self._clock.now()
        found: list[StudyTrial] = []

        def how(trial: StudyTrial) -> StudyTrial:
            _require(trial, "be handed out", TrialState.REQUESTED)
            return replace(trial, state=TrialState.ACTIVE, client_id=client_id, start_time=now)

        for trial in trials:
            if len(found) < count and trial.state is TrialState.REQUESTED:
                # Somebody may have completed or removed it since it was read.
                with contextlib.suppress(WrongTrialState, UnknownTrial):
                    found.append(self.rows.change(name, trial.trial_id, how))
        return found

    def _points(self, study: Study, trials: list[StudyTrial], count: int) -> list[Assignment]:
        """Return up to `count` new points; fewer where the space is exhausted."""
        spec = read_config(study.config)
        seed = f"{study.name}@{study.create_time!r}"
        past = rules.history(spec, trials, seed)
        points: list[Assignment] = []
        while len(points) < count:
            point = _suggested(spec, seed, past)
            if point is None:
                break
            points.append(point)
            past.append(Past(assignment=point, pending=True))
        return points

    def _fresh(self, study: Study, point: Assignment, client_id: str) -> StudyTrial:
        return StudyTrial(
            trial_id=0,
            state=TrialState.ACTIVE,
            parameters=rules.parameter_documents(read_config(study.config), point),
            start_time=self._clock.now(),
            client_id=client_id,
        )


def _suggested(spec: StudySpec, seed: str, past: list[Past]) -> Assignment | None:
    return suggest(spec.algorithm, seed=seed, parameters=spec.parameters, history=past, maximize=True)


def _completed(trial: StudyTrial, request: Mapping[str, Any], now: float) -> StudyTrial:
    start = now if trial.start_time is None else trial.start_time
    ended = replace(trial, state=TrialState.COMPLETED, start_time=start, end_time=now)
    if request.get("trialInfeasible"):
        return replace(ended, infeasible=True, infeasible_reason=request.get("infeasibleReason", ""))
    if request.get("infeasibleReason"):
        raise BadTrial("infeasible_reason", "It may be set only together with trial_infeasible.")
    final = request.get("finalMeasurement")
    if final is None:
        if not trial.measurements:
            raise BadTrial(
                "final_measurement",
                "It is required for a trial that was never measured, unless trial_infeasible is set.",
            )
        return replace(ended, final=trial.measurements[-1])
    rules.check_measurement(final, "final_measurement")
    if not final.get("metrics"):
        raise BadTrial("final_measurement.metrics", "At least one metric is required.")
    return replace(ended, final=final)


def _require(trial: StudyTrial, what: str, *states: TrialState) -> None:
    if trial.state not in states:
        raise WrongTrialState(f"A trial in the state {trial.state.value} cannot {what}.")


def _too_many() -> TooManyTrials:
    return TooManyTrials(
        f"The study has {MOST_TRIALS} trials, which is as many as a study may have.",
        hint="Delete trials, or go on in another study.",
    )
