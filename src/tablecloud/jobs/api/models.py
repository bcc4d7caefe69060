"""The methods of projects.models but for policies: create, get, list, patch, delete.

Contract: ml-jobs-service 1.12.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from tablecloud.jobs.api.calls import Api, Call
from tablecloud.jobs.api.etags import revision_of
from tablecloud.jobs.api.labels import check_labels
from tablecloud.jobs.api.paging import page_of
from tablecloud.jobs.api.permissions import require
from tablecloud.jobs.models.documents import model_document, operation_document
from tablecloud.jobs.models.records import Model, Operation, no_such_model
from tablecloud.jobs.wire.errors import field_error
from tablecloud.jobs.wire.json_reader import read_body
from tablecloud.jobs.wire.masks import read_mask
from tablecloud.jobs.wire.schemas import JsonObject

_MODEL = "GoogleCloudMlV1__Model"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}\Z")
_PATCHABLE = ("description", "labels", "defaultVersion.name", "etag")
_REGION = re.compile(r"[a-z]+(-[a-z0-9]+)*\Z")


async def create_model(api: Api, call: Call) -> JsonObject:
    """Create a model without versions.

    Raises:
        ApiError: INVALID_ARGUMENT, PERMISSION_DENIED.
        Refusal: ALREADY_EXISTS.
    """
    body = read_body(_MODEL, call.body, path="model")
    require(api, call, "ml.models.create")
    name = body.pop("name", "")
    check_name(name, "model.name")
    check_labels(body.get("labels", {}), "model.labels")
    regions = body.get("regions", [])
    if len(regions) > 1 or not all(_REGION.match(region) for region in regions):
        raise field_error("model.regions", "A model has at most one region, such as us-central1.")
    document = {key: value for key, value in body.items() if key not in ("defaultVersion", "etag")}
    now = round(api.clock.now(), 6)
    model = Model(project=call.project, name=name, document=document, create_time=now)
    return shown_model(api, await asyncio.to_thread(api.service.models.store.create_model, model))


async def get_model(api: Api, call: Call) -> JsonObject:
    """Return one model.

    Raises:
        ApiError: PERMISSION_DENIED.
        Refusal: NOT_FOUND.
    """
    name = call.names["modelsId"]
    require(api, call, "ml.models.get", model=name)
    return shown_model(api, found_model(api, call))


async def list_models(api: Api, call: Call) -> JsonObject:
    """Return a page of the project's models by name; `{}` where there are none.

    Raises:
        ApiError: PERMISSION_DENIED, INVALID_ARGUMENT.
    """
    require(api, call, "ml.models.list")
    store = api.service.models.store
    documents, token = await page_of(
        api,
        call,
        "models",
        fetch=lambda after, limit: store.models(call.project, after=after[1] if after else "", limit=limit),
        render=lambda model: shown_model(api, model),
        position=lambda model: (0.0, model.name),
    )
    return list_reply("models", documents, token)


async def patch_model(api: Api, call: Call) -> JsonObject:
    """Change description, labels or default version; return an operation that has ended.

    Raises:
        ApiError: INVALID_ARGUMENT, PERMISSION_DENIED.
        Refusal: NOT_FOUND, ABORTED, FAILED_PRECONDITION.
    """
    body = read_body(_MODEL, call.body, path="model")
    name = call.names["modelsId"]
    require(api, call, "ml.models.update", model=name)
    mask = read_mask(call.query.get("updateMask"), supported=_PATCHABLE, required=True)
    check_labels(body.get("labels", {}), "model.labels")
    default = None
    if "defaultVersion.name" in mask:
        default = body.get("defaultVersion", {}).get("name", "").rpartition("/")[2]
        check_name(default, "model.default_version.name")
    operation = await asyncio.to_thread(
        api.service.models.store.patch_model,
        call.project,
        name,
        lambda document: changed(document, body, mask - {"defaultVersion.name", "etag"}),
        default_version=default,
        expected_revision=expected_revision(body, mask, "model.etag"),
        now=api.clock.now(),
    )
    return shown_operation(api, operation)


async def delete_model(api: Api, call: Call) -> JsonObject:
    """Delete a model without versions; return an operation that has ended.

    Raises:
        ApiError: PERMISSION_DENIED.
        Refusal: NOT_FOUND, FAILED_PRECONDITION.
    """
    name = call.names["modelsId"]
    require(api, call, "ml.models.delete", model=name)
    operation = await asyncio.to_thread(
        api.service.models.store.delete_model, call.project, name, now=api.clock.now()
    )
    return shown_operation(api, operation)


def found_model(api: Api, call: Call) -> Model:
    """Return the model of a call's path.

    Raises:
        Refusal: NOT_FOUND.
    """
    model = api.service.models.store.model(call.project, call.names["modelsId"])
    if model is None:
        raise no_such_model()
    return model


def shown_model(api: Api, model: Model) -> JsonObject:
    """Return a model's document with its default version."""
    name = model.default_version
    store = api.service.models.store
    return model_document(model, None if name is None else store.version(model.project, model.name, name))


def shown_operation(api: Api, operation: Operation) -> JsonObject:
    """Return an operation's document."""
    return operation_document(operation, api.service.project_number(operation.project))


def check_name(name: str, field: str) -> None:
    """Refuse what cannot be the name of a model or version.

    Raises:
        ApiError: INVALID_ARGUMENT.
    """
    if not _NAME.match(name):
        raise field_error(
            field,
            "A name starts with a letter and has up to 128 letters, digits and underscores; "
            f"'{name[:140]}' does not.",
        )


def expected_revision(body: JsonObject, mask: frozenset[str], field: str) -> int | None:
    """Return the revision that an etag in the body, or the mask, asks for; None where there is neither.

    Raises:
        ApiError: INVALID_ARGUMENT: the mask names an etag that the body does not have.
    """
    if body.get("etag"):
        return revision_of(body["etag"])
    if "etag" in mask:
        raise field_error(field, "The etag is required when the update mask names it.")
    return None


def changed(document: JsonObject, body: JsonObject, paths: frozenset[str]) -> JsonObject:
    """Return a document with the fields at some dotted paths as a body has them, or without them."""
    result = dict(document)
    for path in paths:
        head, _, rest = path.partition(".")
        value: Any = body.get(head)
        if rest:
            value = changed(result.get(head, {}), body.get(head, {}), frozenset({rest}))
        if value in (None, {}, ""):
            result.pop(head, None)
        else:
            result[head] = value
    return result


def list_reply(collection: str, documents: list[JsonObject], token: str | None) -> JsonObject:
    """Return the reply of a list method."""
    reply: JsonObject = {collection: documents} if documents else {}
    if token is not None:
        reply["nextPageToken"] = token
    return reply
