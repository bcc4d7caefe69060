"""From a request to its reply: route, authenticate, call the method, write the answer or the error.

Contract: ml-jobs-service 1.1, 1.3, 1.5 (order of checks).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tablecloud.errors import TablecloudError
from tablecloud.jobs.api import iam, jobs, logging, models, operations, places, predict, studies, versions
from tablecloud.jobs.api.batch import PATHS, join_batch, split_batch
from tablecloud.jobs.api.calls import Api, Call, HttpReply, HttpRequest
from tablecloud.jobs.api.parameters import (
    Parameters,
    apply_override,
    check_system,
    own_parameters,
    reply_style,
    split_parameters,
)
from tablecloud.jobs.api.principals import caller_of
from tablecloud.jobs.api.replies import Style, error_reply, json_reply
from tablecloud.jobs.api.routes import LOG_ENTRIES, Route, match_route
from tablecloud.jobs.models.records import Refusal
from tablecloud.jobs.store import AlreadyFinished, JobExists, StaleRevision, UnknownJob
from tablecloud.jobs.wire.errors import ApiError, field_error, invalid
from tablecloud.jobs.wire.partial import parse_fields, select
from tablecloud.jobs.wire.schemas import JsonObject

Method = Callable[[Api, Call], Awaitable[JsonObject | HttpReply]]
"""Returns a document, or a whole reply where the body is not ours to write."""

METHODS: dict[str, Method] = {
    "ml.projects.getConfig": places.get_config,
    "ml.projects.predict": predict.predict,
    "ml.projects.explain": predict.explain,
    "ml.projects.jobs.create": jobs.create_job,
    "ml.projects.jobs.get": jobs.get_job,
    "ml.projects.jobs.list": jobs.list_jobs,
    "ml.projects.jobs.patch": jobs.patch_job,
    "ml.projects.jobs.cancel": jobs.cancel_job,
    "ml.projects.jobs.getIamPolicy": iam.get_iam_policy,
    "ml.projects.jobs.setIamPolicy": iam.set_iam_policy,
    "ml.projects.jobs.testIamPermissions": iam.test_iam_permissions,
    "ml.projects.locations.get": places.get_location,
    "ml.projects.locations.list": places.list_locations,
    "ml.projects.locations.operations.get": operations.get_local_operation,
    "ml.projects.locations.operations.cancel": operations.cancel_local_operation,
    "ml.projects.locations.studies.create": studies.create_study,
    "ml.projects.locations.studies.get": studies.get_study,
    "ml.projects.locations.studies.list": studies.list_studies,
    "ml.projects.locations.studies.delete": studies.delete_study,
    "ml.projects.locations.studies.trials.create": studies.create_trial,
    "ml.projects.locations.studies.trials.get": studies.get_trial,
    "ml.projects.locations.studies.trials.list": studies.list_trials,
    "ml.projects.locations.studies.trials.delete": studies.delete_trial,
    "ml.projects.locations.studies.trials.addMeasurement": studies.add_measurement,
    "ml.projects.locations.studies.trials.complete": studies.complete_trial,
    "ml.projects.locations.studies.trials.stop": studies.stop_trial,
    "ml.projects.locations.studies.trials.suggest": studies.suggest_trials,
    "ml.projects.locations.studies.trials.checkEarlyStoppingState": studies.check_early_stopping_state,
    "ml.projects.locations.studies.trials.listOptimalTrials": studies.list_optimal_trials,
    "ml.projects.models.create": models.create_model,
    "ml.projects.models.get": models.get_model,
    "ml.projects.models.list": models.list_models,
    "ml.projects.models.patch": models.patch_model,
    "ml.projects.models.delete": models.delete_model,
    "ml.projects.models.getIamPolicy": iam.get_iam_policy,
    "ml.projects.models.setIamPolicy": iam.set_iam_policy,
    "ml.projects.models.testIamPermissions": iam.test_iam_permissions,
    "ml.projects.models.versions.create": versions.create_version,
    "ml.projects.models.versions.get": versions.get_version,
    "ml.projects.models.versions.list": versions.list_versions,
    "ml.projects.models.versions.patch": versions.patch_version,
    "ml.projects.models.versions.delete": versions.delete_version,
    "ml.projects.models.versions.setDefault": versions.set_default_version,
    "ml.projects.operations.get": operations.get_operation,
    "ml.projects.operations.list": operations.list_operations,
    "ml.projects.operations.cancel": operations.cancel_operation,
}
"""What is served: every method of the document; one that a later document adds answers UNIMPLEMENTED."""


_STALE_ETAG = (
    "The etag is not the current one: the job was changed meanwhile. Read it again and repeat the change."
)


async def answer(api: Api, request: HttpRequest) -> HttpReply:
    """Return the reply to a request; never raises but for cancellation."""
    if request.path in PATHS:
        return await _answer_batch(api, request)
    style = Style()
    try:
        method, query, body = apply_override(request)
        parameters = split_parameters(query)
        style = reply_style(parameters, request)
        route, names = match_route(method, request.path)
        member = caller_of(api.principals, request.headers, parameters.system.get("access_token"))
        call = _call(route, names, parameters, body, member)
        selection = parse_fields(parameters.system.get("fields", ""), route.response)
        result = await _run(api, call)
        if isinstance(result, HttpReply):
            return result
        return json_reply(select(result, selection) if selection else result, style)
    except Exception as error:
        return error_reply(_as_api_error(error), style)


async def _answer_batch(api: Api, request: HttpRequest) -> HttpReply:
    try:
        if request.method != "POST":
            raise ApiError("METHOD_NOT_ALLOWED", "A batch is sent with POST.", headers=(("Allow", "POST"),))
        parts = split_batch(request)
    except Exception as error:
        return error_reply(_as_api_error(error), Style())
    # Together, so that creates share one commit; the order among the parts of a batch is not defined.
    replies = await asyncio.gather(*(_answer_part(api, part) for _, part in parts))
    return join_batch([(content_id, reply) for (content_id, _), reply in zip(parts, replies, strict=True)])


async def _answer_part(api: Api, part: HttpRequest) -> HttpReply:
    if part.path in PATHS:
        return error_reply(invalid("A batch must not hold another batch."), Style())
    return await answer(api, part)


def _call(route: Route, names: dict[str, str], parameters: Parameters, body: bytes, member: str) -> Call:
    check_system(parameters)
    return Call(
        method=route.id, names=names, query=own_parameters(route, parameters), body=body, member=member
    )


async def _run(api: Api, call: Call) -> JsonObject | HttpReply:
    method = logging.list_entries if call.method == LOG_ENTRIES.id else METHODS.get(call.method)
    if method is None:
        text = f"Method {call.method} is not implemented: this server does not offer it."
        raise ApiError("UNIMPLEMENTED", text)
    return await method(api, call)


def _as_api_error(error: Exception) -> ApiError:
    """Return the error that the caller sees; only our own words reach it."""
    match error:
        case ApiError():
            return error
        case Refusal():
            return field_error(error.field, error.message, status=error.status)
        case JobExists():
            return field_error("job.job_id", "A job with this id already exists.", status="ALREADY_EXISTS")
        case UnknownJob():
            return jobs.no_such_job()
        case AlreadyFinished():
            return ApiError("FAILED_PRECONDITION", "Cannot cancel an already completed job.")
        case StaleRevision():
            return field_error("job.etag", _STALE_ETAG, status="ABORTED")
        case TablecloudError():
            return ApiError("UNAVAILABLE", f"{error.message} {error.hint}".strip())
    _log(error)
    return ApiError("INTERNAL", "Internal error encountered.")


def _log(error: Exception) -> None:
    from logging import getLogger

    getLogger("tablecloud.jobs.api").error("a request failed", exc_info=error)
