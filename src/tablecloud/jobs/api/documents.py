"""Jobs as the documents the API shows: a Job, and its read-only twin operation. Pure.

Contract: ml-jobs-service 1.2 (whole-second times), 1.11 (twins), 2.6 (which state shows what).
"""

from __future__ import annotations

from tablecloud.jobs.api.etags import etag_of
from tablecloud.jobs.model import Job, Reason, State
from tablecloud.jobs.wire.schemas import JsonObject
from tablecloud.jobs.wire.times import format_seconds

TWIN_PREFIX = "job_"
"""The twin operation of job j is `projects/p/operations/job_j`."""

_TYPES = "type.googleapis.com/google.cloud.ml.v1."
_CANCELLED, _INVALID_ARGUMENT, _INTERNAL = 1, 3, 13
_DEFAULT_MESSAGES = {State.CANCELLED: "The job was cancelled.", State.FAILED: "The job failed."}
_OUR_FAULT = {Reason.INTERNAL, Reason.INFRA_LOST}


def job_document(job: Job, position: int) -> JsonObject:
    """Return a Job as replies show it.

    Parameters:
        position: 1-based place in the queue; 0 once scheduled.
    """
    document: JsonObject = {
        "jobId": job.job_id,
        **job.document,
        "createTime": format_seconds(job.create_time),
    }
    if job.start_time is not None:
        document["startTime"] = format_seconds(job.start_time)
    if job.end_time is not None:
        document["endTime"] = format_seconds(job.end_time)
    document["state"] = job.state.value
    if message := _error_message(job):
        document["errorMessage"] = message
    if job.output:
        document["predictionOutput" if "predictionInput" in job.document else "trainingOutput"] = job.output
    if job.labels:
        document["labels"] = job.labels
    document["etag"] = etag_of(job.labels_revision)
    document["jobPosition"] = str(position)
    return document


def _error_message(job: Job) -> str | None:
    """Clients read it from a failed or cancelled job without asking whether it is there (contract 2.6)."""
    if job.state is State.SUCCEEDED:
        return None
    return job.error_message or _DEFAULT_MESSAGES.get(job.state)


def twin_document(job: Job, position: int, project_number: int) -> JsonObject:
    """Return the operation that mirrors a job."""
    operation: JsonObject = {
        "name": f"projects/{job.project}/operations/{TWIN_PREFIX}{job.job_id}",
        "metadata": _twin_metadata(job, project_number),
        "done": job.state.final,
    }
    if job.state is State.SUCCEEDED:
        operation["response"] = {"@type": _TYPES + "Job", **job_document(job, position)}
    elif job.state is State.CANCELLED:
        operation["error"] = {"code": _CANCELLED, "message": _error_message(job)}
    elif job.state is State.FAILED:
        code = _INTERNAL if job.reason in _OUR_FAULT else _INVALID_ARGUMENT
        operation["error"] = {"code": code, "message": _error_message(job)}
    return operation


def _twin_metadata(job: Job, project_number: int) -> JsonObject:
    metadata: JsonObject = {
        "@type": _TYPES + "OperationMetadata",
        "createTime": format_seconds(job.create_time),
        "jobId": job.job_id,
        "projectNumber": str(project_number),
        "isCancellationRequested": job.state in (State.CANCELLING, State.CANCELLED),
    }
    if job.start_time is not None:
        metadata["startTime"] = format_seconds(job.start_time)
    if job.end_time is not None:
        metadata["endTime"] = format_seconds(job.end_time)
    if job.labels:
        metadata["labels"] = job.labels
    return metadata
