"""The methods of projects.jobs but for policies: create, get, list, patch, cancel.

Contract: ml-jobs-service 1.5, 1.6, 1.9, 5.2 point 5.
"""

from __future__ import annotations

import asyncio
import re

from tablecloud.jobs.api.calls import Api, Call
from tablecloud.jobs.api.documents import job_document
from tablecloud.jobs.api.etags import revision_of
from tablecloud.jobs.api.labels import check_labels
from tablecloud.jobs.api.paging import page_of_jobs
from tablecloud.jobs.api.permissions import require
from tablecloud.jobs.api.prediction_input import check_prediction, require_model
from tablecloud.jobs.api.training import check_training, scheduling_of
from tablecloud.jobs.layout import unsupported
from tablecloud.jobs.model import Job, NewJob
from tablecloud.jobs.tuning.spec import is_tuning, read_spec, why_not_resumable
from tablecloud.jobs.wire.errors import ApiError, field_error
from tablecloud.jobs.wire.json_reader import decode_body, read_body, read_message
from tablecloud.jobs.wire.masks import read_mask
from tablecloud.jobs.wire.schemas import JsonObject

_JOB = "GoogleCloudMlV1__Job"
_CANCEL = "GoogleCloudMlV1__CancelJobRequest"
_JOB_ID = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}\Z")


async def create_job(api: Api, call: Call) -> JsonObject:
    """Create a job; the reply leaves after it is on disk.

    Raises:
        ApiError: INVALID_ARGUMENT, PERMISSION_DENIED, UNIMPLEMENTED; for the model of a prediction NOT_FOUND
            and FAILED_PRECONDITION too.
        JobExists: the id is taken, perhaps by a job that ended long ago.
    """
    body = read_body(_JOB, call.body, path="job")
    require(api, call, "ml.jobs.create")
    new = _new_job(call, body)
    require_model(api, call, new.document.get("predictionInput", {}))
    _check_resumed(api, new)
    job = await asyncio.wrap_future(api.service.create(new))
    return shown_job(api, job)


async def get_job(api: Api, call: Call) -> JsonObject:
    """Return one job.

    Raises:
        ApiError: PERMISSION_DENIED, NOT_FOUND.
    """
    job_id = call.names["jobsId"]
    require(api, call, "ml.jobs.get", job_id=job_id)
    return shown_job(api, found_job(api, call, job_id))


async def list_jobs(api: Api, call: Call) -> JsonObject:
    """Return a page of the project's jobs, newest first; `{}` where there are none.

    Raises:
        ApiError: PERMISSION_DENIED, INVALID_ARGUMENT.
    """
    require(api, call, "ml.jobs.list")
    documents, token = await page_of_jobs(api, call, "jobs", lambda job: shown_job(api, job))
    reply: JsonObject = {"jobs": documents} if documents else {}
    if token is not None:
        reply["nextPageToken"] = token
    return reply


async def patch_job(api: Api, call: Call) -> JsonObject:
    """Replace the labels of a job; with `etag` in the mask only if nobody did so since.

    Raises:
        ApiError: INVALID_ARGUMENT, PERMISSION_DENIED, NOT_FOUND.
        StaleRevision: the etag is not the current one.
    """
    body = read_body(_JOB, call.body, path="job")
    job_id = call.names["jobsId"]
    require(api, call, "ml.jobs.update", job_id=job_id)
    mask = read_mask(call.query.get("updateMask"), supported=("labels", "etag"), required=True)
    job = found_job(api, call, job_id)
    if "etag" in mask and not body.get("etag"):
        raise field_error("job.etag", "The etag is required when the update mask names it.")
    revision = revision_of(body["etag"]) if "etag" in mask else None
    labels = body.get("labels", {}) if "labels" in mask else job.labels
    check_labels(labels)
    changed = await asyncio.to_thread(
        api.service.patch_labels,
        call.project,
        job_id,
        labels,
        expected_revision=revision,
        actor=call.member,
    )
    return shown_job(api, changed)


async def cancel_job(api: Api, call: Call) -> JsonObject:
    """Ask for a job's end; asking again while it is being cancelled is fine.

    Raises:
        ApiError: INVALID_ARGUMENT, PERMISSION_DENIED.
        UnknownJob: there is no such job.
        AlreadyFinished: it has ended.
    """
    job_id = call.names["jobsId"]
    check_empty_body(call, f"projects/{call.project}/jobs/{job_id}")
    require(api, call, "ml.jobs.cancel", job_id=job_id)
    await asyncio.to_thread(api.service.cancel, call.project, job_id, actor=call.member)
    return {}


def found_job(api: Api, call: Call, job_id: str) -> Job:
    """Return a job.

    Raises:
        ApiError: NOT_FOUND.
    """
    job = api.service.get(call.project, job_id)
    if job is None:
        raise no_such_job()
    return job


def shown_job(api: Api, job: Job) -> JsonObject:
    """Return a job's document with its place in the queue."""
    return job_document(job, api.service.position(job))


def no_such_job() -> ApiError:
    """Return the NOT_FOUND of jobs."""
    return field_error("name", "The specified job was not found.", status="NOT_FOUND")


def check_empty_body(call: Call, name: str) -> None:
    """Refuse a body that says anything but the name that the path says already (observed: Kubeflow sends it).

    Raises:
        ApiError: INVALID_ARGUMENT.
    """
    body = decode_body(call.body)
    stated = body.pop("name", None)
    read_message(_CANCEL, body)
    if stated not in (None, name):
        raise field_error("name", f"The body names '{str(stated)[:200]}', the URL {name}.")


def _check_resumed(api: Api, new: NewJob) -> None:
    """Refuse to go on with the trials of a job that has none, still runs, or searched something else.

    Raises:
        ApiError: INVALID_ARGUMENT.
    """
    spec = read_spec(new.document) if is_tuning(new.document) else None
    if spec is None or not spec.resumes:
        return
    previous = api.service.get(new.project, spec.resumes)
    if previous is None or not is_tuning(previous.document):
        reason = "there is no such hyperparameter tuning job in this project"
    elif not previous.state.final:
        reason = f"it has not ended; its state is {previous.state.value}"
    else:
        reason = why_not_resumable(spec, read_spec(previous.document)) or ""
    if reason:
        path = "training_input.hyperparameters.resume_previous_job_id"
        raise field_error(path, f"The job '{spec.resumes[:140]}' cannot be resumed: {reason}.")


def _new_job(call: Call, body: JsonObject) -> NewJob:
    job_id = body.get("jobId", "")
    if not job_id:
        raise field_error("job.job_id", "The job id is required.")
    if not _JOB_ID.match(job_id):
        raise field_error(
            "job.job_id",
            "A job id starts with a letter and has up to 128 letters, digits and underscores; "
            f"'{job_id[:140]}' does not.",
        )
    document: JsonObject = {name: body[name] for name in ("trainingInput", "predictionInput") if name in body}
    if not document:
        raise field_error("job.input", "Exactly one of training_input and prediction_input must be set.")
    labels = body.get("labels", {})
    check_labels(labels)
    training, prediction = document.get("trainingInput"), document.get("predictionInput")
    if training is not None:
        check_training(training)
    if prediction is not None:
        check_prediction(prediction)
    if (reason := unsupported(document)) is not None:
        raise ApiError("UNIMPLEMENTED", reason)
    priority, wait, run = scheduling_of(training or {})
    return NewJob(
        project=call.project,
        job_id=job_id,
        document=document,
        labels=labels,
        priority=priority,
        wait_seconds=wait,
        run_seconds=run,
        actor=call.member,
    )
