"""A batch prediction job as an attempt: one replica, `prediction.run`, which starts the models' processes.

Contract: ml-jobs-service 3; the sizes stand for workers of the type mls1-c1-m2.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

import tablecloud
from tablecloud.errors import JobError
from tablecloud.jobs.attempts import Layout, Progress
from tablecloud.jobs.layout import Requirement, inherited_environment
from tablecloud.jobs.machines import GIB
from tablecloud.jobs.model import AttemptSpec, Job, ReplicaSpec
from tablecloud.jobs.prediction.plan import PLAN_VARIABLE, Plan, read_report
from tablecloud.jobs.serving.process import ModelSource
from tablecloud.jobs.settings import ServiceSettings
from tablecloud.jobs.storage import Storage

BATCH_SIZE, MOST_WORKERS = 64, 10
"""What the service takes where a job does not say."""

_WORKER_MEMORY = 2 * GIB


FindModel = Callable[[str], ModelSource]
"""What to load for `projects/p/models/m` or `…/versions/v`; raises `JobError` where nothing is ready."""


def with_prediction(layout: Layout, settings: ServiceSettings, find_model: FindModel) -> Layout:
    """Return a layout that knows batch prediction jobs, and leaves all others to `layout`."""

    def build(job: Job, attempt: int, token: str) -> AttemptSpec:
        if "predictionInput" in job.document:
            return build_attempt(job, attempt, token, settings, find_model)
        return layout.build(job, attempt, token)

    def weigh(job: Job) -> Any:
        if "predictionInput" in job.document:
            return requirements(job, settings)
        return layout.requirements(job)

    def report(job: Job) -> Progress | None:
        return progress(job, settings) if "predictionInput" in job.document else layout.progress(job)

    return Layout(build=build, requirements=weigh, progress=report)


def requirements(job: Job, settings: ServiceSettings) -> Requirement:
    """Return what the workers of a job ask of the machine; never more of them than processors."""
    workers = _workers(job.document["predictionInput"], settings)
    return Requirement(cpus=float(workers), memory_bytes=workers * _WORKER_MEMORY)


def build_attempt(
    job: Job, attempt: int, token: str, settings: ServiceSettings, find_model: FindModel
) -> AttemptSpec:
    """Return everything that one attempt of a batch prediction job needs.

    Raises:
        StorageError: an address of the job cannot be used.
        JobError: the model cannot be found.
    """
    prediction = job.document["predictionInput"]
    storage = Storage(settings.root)
    folder = (settings.root / "attempts" / job.uid / str(attempt)).absolute()
    storage.check_writable(prediction["outputPath"])
    model = _model(prediction, storage, find_model)
    plan = _plan(job, prediction, folder, model, settings)
    workers = _workers(prediction, settings)
    return AttemptSpec(
        uid=job.uid,
        attempt=attempt,
        token=token,
        project=job.project,
        job_id=job.job_id,
        job=job.document,
        folder=str(folder),
        grace_seconds=settings.grace_seconds,
        log_limit_bytes=settings.log_limit_bytes,
        replicas=(
            ReplicaSpec(
                name="master-replica-0",
                role="master",
                index=0,
                argv=(sys.executable, "-m", "tablecloud.jobs.prediction.run"),
                environment=_environment(job, plan, storage),
                cwd=str(folder / "work"),
                cpus=float(workers),
                memory_bytes=0,  # no limit: how large a model is cannot be known, and any must be askable
            ),
        ),
    )


def progress(job: Job, settings: ServiceSettings) -> Progress | None:
    """Return `predictionOutput` as far as it is known, and why the run gave up where it did.

    None before the run has begun.
    """
    report = read_report(settings.root / "attempts" / job.uid / str(job.attempt))
    if report is None:
        return None
    output: dict[str, object] = {
        "outputPath": job.document["predictionInput"]["outputPath"],
        "predictionCount": str(report.predictions),
        "errorCount": str(report.errors),
        "nodeHours": round(report.node_seconds / 3600, 6),
    }
    return Progress(output=output, failure=report.failure)


def _model(prediction: dict[str, Any], storage: Storage, find_model: FindModel) -> ModelSource:
    if uri := prediction.get("uri"):
        folder = storage.local_path(uri)
        if not folder.is_dir():
            raise JobError(f"The model folder {uri} does not exist.")
        return ModelSource(model_dir=folder.absolute())
    return find_model(prediction.get("versionName") or prediction["modelName"])


def _plan(
    job: Job, prediction: dict[str, Any], folder: Path, model: ModelSource, settings: ServiceSettings
) -> Plan:
    return Plan(
        uid=job.uid,
        root=str(settings.root.absolute()),
        folder=str(folder),
        python=model.python,
        model_dir=str(model.model_dir),
        framework=model.framework,
        prediction_class=model.prediction_class,
        signature_name=prediction.get("signatureName", ""),
        input_paths=prediction["inputPaths"],
        data_format=prediction["dataFormat"],
        output_path=prediction["outputPath"],
        csv=prediction.get("outputDataFormat") == "CSV",
        batch_size=int(prediction.get("batchSize", BATCH_SIZE)),
        shards=_most_workers(prediction),
        workers=_workers(prediction, settings),
    )


def _environment(job: Job, plan: Plan, storage: Storage) -> dict[str, str]:
    return {
        **inherited_environment(),
        # Of the run only: models are loaded by other processes, whose packages must win.
        "PYTHONPATH": str(Path(tablecloud.__file__).parents[1]),
        "PYTHONUNBUFFERED": "1",
        "CLOUD_ML_JOB_ID": job.job_id,
        "CLOUD_ML_PROJECT_ID": job.project,
        "CLOUD_ML_REGION": job.document["predictionInput"].get("region", ""),
        "TABLECLOUD_GCS_ROOT": str(storage.gcs_root.absolute()),
        PLAN_VARIABLE: msgspec.json.encode(plan).decode(),
    }


def _most_workers(prediction: dict[str, Any]) -> int:
    return int(prediction.get("maxWorkerCount", MOST_WORKERS))


def _workers(prediction: dict[str, Any], settings: ServiceSettings) -> int:
    """Return how many processes predict at one time."""
    processors = settings.cpus or len(os.sched_getaffinity(0))
    return max(1, min(_most_workers(prediction), int(processors)))
