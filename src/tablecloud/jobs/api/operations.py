"""The operation methods: operations on models, and read-only twins of jobs, so that a job can be watched and
cancelled as an operation.

Contract: ml-jobs-service 1.11. Twins stay out of `list` unless the filter asks for `metadata.jobId`.
"""

from __future__ import annotations

import asyncio
import contextlib
import re

from tablecloud.jobs.api.calls import Api, Call
from tablecloud.jobs.api.documents import TWIN_PREFIX, twin_document
from tablecloud.jobs.api.jobs import check_empty_body
from tablecloud.jobs.api.models import list_reply, shown_operation
from tablecloud.jobs.api.paging import page_of, page_of_jobs
from tablecloud.jobs.api.parameters import boolean_parameter
from tablecloud.jobs.api.permissions import require
from tablecloud.jobs.api.studies import find_operation
from tablecloud.jobs.model import Job
from tablecloud.jobs.models.records import Operation
from tablecloud.jobs.store import AlreadyFinished
from tablecloud.jobs.wire.errors import ApiError, field_error
from tablecloud.jobs.wire.schemas import JsonObject

_ASKS_FOR_TWINS = re.compile(r"\bmetadata\.job_?id\s*[:=!<>~]", re.IGNORECASE)


async def get_operation(api: Api, call: Call) -> JsonObject:
    """Return an operation on a model, or the twin of a job.

    Raises:
        ApiError: PERMISSION_DENIED, NOT_FOUND.
    """
    job_id = _job_id(call)
    if job_id is None:
        require(api, call, "ml.operations.get")
        return shown_operation(api, _on_model(api, call))
    require(api, call, "ml.operations.get", "ml.jobs.get", job_id=job_id)
    return _twin(api, _found(api, call, job_id))


async def list_operations(api: Api, call: Call) -> JsonObject:
    """Return the operations on models, or the twins that a filter on `metadata.jobId` selects.

    Raises:
        ApiError: PERMISSION_DENIED, INVALID_ARGUMENT, UNIMPLEMENTED for `returnPartialSuccess`.
    """
    require(api, call, "ml.operations.list")
    if boolean_parameter(call.query, "returnPartialSuccess", "return_partial_success"):
        raise ApiError("UNIMPLEMENTED", "return_partial_success is not offered by this server.")
    if not _ASKS_FOR_TWINS.search(call.query.get("filter", "")):
        return list_reply("operations", *await _page_on_models(api, call))
    require(api, call, "ml.jobs.list")
    return list_reply("operations", *await page_of_jobs(api, call, "twins", lambda job: _twin(api, job)))


async def cancel_operation(api: Api, call: Call) -> JsonObject:
    """Cancel an operation on a model, or the job behind a twin; a finished one stays as it is.

    Raises:
        ApiError: INVALID_ARGUMENT, PERMISSION_DENIED, NOT_FOUND.
    """
    check_empty_body(call, _name(call))
    job_id = _job_id(call)
    if job_id is None:
        require(api, call, "ml.operations.cancel")
        await asyncio.to_thread(api.service.models.cancel, _on_model(api, call))
        return {}
    # Both: to cancel the twin is to cancel the job, which the operation's right alone must not allow.
    require(api, call, "ml.operations.cancel", "ml.jobs.cancel", job_id=job_id)
    job = _found(api, call, job_id)
    with contextlib.suppress(AlreadyFinished):
        await asyncio.to_thread(api.service.cancel, call.project, job.job_id, actor=call.member)
    return {}


async def get_local_operation(api: Api, call: Call) -> JsonObject:
    """Return an operation of a study; those are all that locations have.

    Raises:
        ApiError: PERMISSION_DENIED, NOT_FOUND.
    """
    require(api, call, "ml.operations.get")
    found = await find_operation(api, call)
    if found is None:
        raise _no_such_operation()
    return found


async def cancel_local_operation(api: Api, call: Call) -> JsonObject:
    """Do nothing: an operation of a study is finished when it is first shown.

    Raises:
        ApiError: INVALID_ARGUMENT, PERMISSION_DENIED, NOT_FOUND.
    """
    check_empty_body(call, _name(call))
    require(api, call, "ml.operations.cancel")
    if await find_operation(api, call) is None:
        raise _no_such_operation()
    return {}


def _name(call: Call) -> str:
    location = call.names.get("locationsId")
    parent = f"projects/{call.project}" + (f"/locations/{location}" if location else "")
    return f"{parent}/operations/{call.names['operationsId']}"


def _job_id(call: Call) -> str | None:
    """Return the job id a twin's name holds; None where the name is not of a twin."""
    name = call.names["operationsId"]
    return name.removeprefix(TWIN_PREFIX) if name.startswith(TWIN_PREFIX) else None


def _on_model(api: Api, call: Call) -> Operation:
    operation = api.service.models.store.operation(call.project, call.names["operationsId"])
    if operation is None:
        raise _no_such_operation()
    return operation


async def _page_on_models(api: Api, call: Call) -> tuple[list[JsonObject], str | None]:
    store = api.service.models.store
    return await page_of(
        api,
        call,
        "operations",
        fetch=lambda after, limit: store.operations(call.project, after=after, limit=limit),
        render=lambda operation: shown_operation(api, operation),
        position=lambda operation: (operation.create_time, operation.id),
    )


def _found(api: Api, call: Call, job_id: str) -> Job:
    job = api.service.get(call.project, job_id)
    if job is None:
        raise _no_such_operation()
    return job


def _twin(api: Api, job: Job) -> JsonObject:
    return twin_document(job, api.service.position(job), api.service.project_number(job.project))


def _no_such_operation() -> ApiError:
    return field_error("name", "The specified operation was not found.", status="NOT_FOUND")
