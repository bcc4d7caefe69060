"""The methods of projects.models.versions: create, get, list, patch, delete, setDefault.

A version has no policy of its own: its model's counts. Contract: ml-jobs-service 1.12.
"""

from __future__ import annotations

import asyncio

from tablecloud.jobs.api.calls import Api, Call
from tablecloud.jobs.api.labels import check_labels
from tablecloud.jobs.api.models import (
    changed,
    check_name,
    expected_revision,
    found_model,
    list_reply,
    shown_operation,
)
from tablecloud.jobs.api.paging import page_of
from tablecloud.jobs.api.permissions import require
from tablecloud.jobs.api.version_rules import check_scaling, check_version
from tablecloud.jobs.models.documents import version_document
from tablecloud.jobs.models.records import no_such_version
from tablecloud.jobs.wire.json_reader import read_body
from tablecloud.jobs.wire.masks import read_mask
from tablecloud.jobs.wire.schemas import JsonObject

_VERSION = "GoogleCloudMlV1__Version"
_SET_DEFAULT = "GoogleCloudMlV1__SetDefaultVersionRequest"
_PATCHABLE = (
    "description",
    "labels",
    "requestLoggingConfig",
    "autoScaling.minNodes",
    "autoScaling.maxNodes",
    "manualScaling.nodes",
    "etag",
)


async def create_version(api: Api, call: Call) -> JsonObject:
    """Begin to create a version; the operation ends when its model has been loaded once.

    Raises:
        ApiError: INVALID_ARGUMENT, PERMISSION_DENIED, UNIMPLEMENTED.
        Refusal: NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION.
    """
    body = read_body(_VERSION, call.body, path="version")
    model = call.names["modelsId"]
    require(api, call, "ml.versions.create", model=model)
    name = body.pop("name", "")
    check_name(name, "version.name")
    check_version(body)
    # Logging is set by patch alone: "specifying it in a create request has no effect".
    document = {key: value for key, value in body.items() if key not in ("requestLoggingConfig", "etag")}
    create = api.service.models.create_version
    return shown_operation(api, await asyncio.to_thread(create, call.project, model, name, document))


async def get_version(api: Api, call: Call) -> JsonObject:
    """Return one version.

    Raises:
        ApiError: PERMISSION_DENIED.
        Refusal: NOT_FOUND.
    """
    model, name = _names(call)
    require(api, call, "ml.versions.get", model=model)
    parent = found_model(api, call)
    version = api.service.models.store.version(call.project, model, name)
    if version is None:
        raise no_such_version()
    return version_document(version, is_default=parent.default_version == name)


async def list_versions(api: Api, call: Call) -> JsonObject:
    """Return a page of a model's versions by name; `{}` where there are none.

    Raises:
        ApiError: PERMISSION_DENIED, INVALID_ARGUMENT.
        Refusal: NOT_FOUND: the model.
    """
    name = call.names["modelsId"]
    require(api, call, "ml.versions.list", model=name)
    parent, store = found_model(api, call), api.service.models.store
    documents, token = await page_of(
        api,
        call,
        f"models/{name}/versions",
        fetch=lambda after, limit: store.versions(
            call.project, name, after=after[1] if after else "", limit=limit
        ),
        render=lambda version: version_document(version, is_default=parent.default_version == version.name),
        position=lambda version: (0.0, version.name),
    )
    return list_reply("versions", documents, token)


async def patch_version(api: Api, call: Call) -> JsonObject:
    """Change description, labels, logging or scaling; return an operation that has ended.

    Raises:
        ApiError: INVALID_ARGUMENT, PERMISSION_DENIED.
        Refusal: NOT_FOUND, ABORTED, FAILED_PRECONDITION.
    """
    body = read_body(_VERSION, call.body, path="version")
    model, name = _names(call)
    require(api, call, "ml.versions.update", model=model)
    mask = read_mask(call.query.get("updateMask"), supported=_PATCHABLE, required=True)
    check_labels(body.get("labels", {}), "version.labels")

    def change(document: JsonObject) -> JsonObject:
        result = changed(document, body, mask - {"etag"})
        check_scaling(result)
        return result

    operation = await asyncio.to_thread(
        api.service.models.store.patch_version,
        call.project,
        model,
        name,
        change,
        expected_revision=expected_revision(body, mask, "version.etag"),
        now=api.clock.now(),
    )
    return shown_operation(api, operation)


async def delete_version(api: Api, call: Call) -> JsonObject:
    """Delete a version; return an operation that has ended.

    Raises:
        ApiError: PERMISSION_DENIED.
        Refusal: NOT_FOUND, FAILED_PRECONDITION.
    """
    model, name = _names(call)
    require(api, call, "ml.versions.delete", model=model)
    operation = await asyncio.to_thread(api.service.models.delete_version, call.project, model, name)
    return shown_operation(api, operation)


async def set_default_version(api: Api, call: Call) -> JsonObject:
    """Make a version the default of its model, and return it.

    Raises:
        ApiError: INVALID_ARGUMENT, PERMISSION_DENIED.
        Refusal: NOT_FOUND, FAILED_PRECONDITION.
    """
    model, name = _names(call)
    read_body(_SET_DEFAULT, call.body)
    require(api, call, "ml.models.update", model=model)
    version = await asyncio.to_thread(api.service.models.store.set_default, call.project, model, name)
    return version_document(version, is_default=True)


def _names(call: Call) -> tuple[str, str]:
    return call.names["modelsId"], call.names["versionsId"]
