"""A bench whose jobs are tuning jobs: trials on the scripted executor, metrics in real files."""

from __future__ import annotations

import json
from typing import Any

from scripted import Bench

from tablecloud.jobs.model import Job, State
from tablecloud.jobs.tuning.launch import METRIC_FILE, job_of_trial
from tablecloud.jobs.tuning.trials import Trial, Trials

RATE = {"parameterName": "rate", "type": "DOUBLE", "minValue": 0.0, "maxValue": 1.0}
N = {"parameterName": "n", "type": "INTEGER", "minValue": 1, "maxValue": 3}


class TuningBench(Bench):
    def search(self, job_id: str = "", *, params: Any = (RATE,), running: bool = True, **spec: Any) -> Job:
        """Create a tuning job; with `running`, up to its first trials."""
        spec = {"algorithm": "RANDOM_SEARCH", "params": list(params), **spec}
        job = self.create(job_id, document={"trainingInput": {"hyperparameters": spec}})
        if running:
            self.step()
        return self.read(job)

    def trials(self, job: Job) -> list[Trial]:
        return Trials(self.store).of_job(job.uid)

    def trial(self, job: Job, number: int) -> Trial:
        return next(one for one in self.trials(job) if one.trial_id == number)

    def live(self, job: Job) -> list[Trial]:
        return [one for one in self.trials(job) if not one.state.final]

    def dressed(self, job: Job, number: int) -> Job:
        """The trial as the executor's world knows it."""
        return job_of_trial(self.read(job), self.trial(job, number))

    def begin(self, job: Job, *numbers: int) -> None:
        for number in numbers:
            self.executor.run(self.dressed(job, number))
        self.step()

    def report(self, job: Job, number: int, value: Any, step: int = 1, *, at: float | None = None) -> None:
        trial = self.trial(job, number)
        folder = self.root / "attempts" / trial.uid / str(trial.attempt)
        folder.mkdir(parents=True, exist_ok=True)
        entry = {
            "timestamp": self.clock.now() if at is None else at,
            "trial": str(number),
            "training/hptuning/metric": str(value),
            "global_step": str(step),
            "checkpoint_path": "",
        }
        with (folder / METRIC_FILE).open("a") as file:
            file.write(json.dumps(entry) + "\n")

    def finish(self, job: Job, number: int, value: Any = None, *, code: int = 0, **more: Any) -> None:
        """A trial reports a value, perhaps, and ends."""
        if value is not None:
            self.report(job, number, value)
        self.executor.exit(self.dressed(job, number), code, **more)
        self.step()

    def states_of_trials(self, job: Job) -> list[str]:
        return [one.state.value for one in self.trials(job)]

    def output(self, job: Job) -> dict[str, Any]:
        return self.read(job).output or {}

    def ended(self, job: Job) -> State | None:
        state = self.read(job).state
        return state if state.final else None
