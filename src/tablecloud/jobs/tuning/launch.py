"""A trial as an attempt: the job's layout with the trial's directory, arguments and environment.

Contract: ml-jobs-service 2.4, 2.8.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tablecloud.jobs.model import AttemptSpec, Job, ReplicaSpec
from tablecloud.jobs.tuning.space import text_of
from tablecloud.jobs.tuning.spec import TuningSpec
from tablecloud.jobs.tuning.trials import Trial

METRIC_FILE = "output.metrics"
"""In the attempt's folder: where the trial's program reports its metric."""

_LEAST_LOG = 1 << 20
"""Bytes of one trial's log, however many share the job's limit."""


def job_of_trial(job: Job, trial: Trial) -> Job:
    """Return a trial in the dress of a job, which is what layouts, outcomes and logs know.

    Its `jobDir` is the trial's own; it has no deadline, since those are the job's.
    """
    training = dict(job.document["trainingInput"])
    if job_dir := training.get("jobDir"):
        training["jobDir"] = f"{job_dir.rstrip('/')}/{trial.trial_id}"
    return replace(
        job,
        uid=trial.uid,
        document={**job.document, "trainingInput": training},
        state=trial.state,
        attempt=trial.attempt,
        token=trial.token,
        ref=trial.ref,
        user_restarts=trial.user_restarts,
        not_before=trial.not_before,
        start_time=trial.start_time,
        end_time=trial.end_time,
        error_message=None,
        wait_deadline=None,
        run_deadline=None,
        cancel_reason=job.cancel_reason if trial.stopping else None,
    )


def build_trial(
    build: Callable[[Job, int, str], AttemptSpec], job: Job, trial: Trial, spec: TuningSpec
) -> AttemptSpec:
    """Return everything that one attempt of a trial needs.

    Parameters:
        build: the layout's: (job, attempt, token) -> specification.

    Raises:
        JobError: the trial cannot be run, such as when its directory cannot be written.
    """
    attempt = build(job_of_trial(job, trial), trial.attempt, trial.token)
    arguments = tuple(f"--{name}={text_of(value)}" for name, value in trial.assignment.items())
    extra = {
        "CLOUD_ML_JOB": json.dumps(job.document["trainingInput"]),
        "CLOUD_ML_TRIAL_ID": str(trial.trial_id),
        "CLOUD_ML_HP_METRIC_TAG": spec.tag,
    }
    replicas = tuple(_replica(one, trial, attempt.folder, arguments, extra) for one in attempt.replicas)
    limit = max(attempt.log_limit_bytes // spec.max_trials, _LEAST_LOG)
    return replace(attempt, replicas=replicas, log_limit_bytes=min(limit, attempt.log_limit_bytes))


def _replica(
    replica: ReplicaSpec, trial: Trial, folder: str, arguments: tuple[str, ...], extra: Mapping[str, str]
) -> ReplicaSpec:
    environment = {**replica.environment, **extra}
    # Every replica may report; the primary's file is the one that is read.
    name = METRIC_FILE if replica.role == "master" else f"{replica.name}.metrics"
    environment["CLOUD_ML_HP_METRIC_FILE"] = str(Path(folder) / name)
    for name in ("TF_CONFIG", "CLUSTER_SPEC"):
        if name in environment:
            environment[name] = json.dumps(_with_trial(json.loads(environment[name]), trial))
    return replace(replica, argv=(*replica.argv, *arguments), environment=environment)


def _with_trial(config: dict[str, Any], trial: Trial) -> dict[str, Any]:
    return {**config, "task": {**config.get("task", {}), "trial": str(trial.trial_id)}}
