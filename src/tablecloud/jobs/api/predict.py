"""The methods predict and explain: the body is the model's own JSON, and so is the reply.

A failure of the model is answered as the classic service did, 200 with `{"error": text}`, or with 400 where
the server is set so; a failure of the request has the usual envelope. Contract: ml-jobs-service 4.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from tablecloud.jobs.api.calls import Api, Call, HttpReply
from tablecloud.jobs.api.permissions import require
from tablecloud.jobs.models.records import Version
from tablecloud.jobs.serving.pool import Busy
from tablecloud.jobs.serving.process import ModelError, WorkerLost, WorkerSilent
from tablecloud.jobs.wire.errors import ApiError, field_error, invalid

_JSON = [("Content-Type", "application/json; charset=UTF-8"), ("X-Content-Type-Options", "nosniff")]
_Body = dict[str, msgspec.Raw]


async def predict(api: Api, call: Call) -> HttpReply:
    """Ask a version, or a model's default version.

    Raises:
        ApiError: INVALID_ARGUMENT, PERMISSION_DENIED, RESOURCE_EXHAUSTED, UNAVAILABLE, DEADLINE_EXCEEDED.
        Refusal: NOT_FOUND, FAILED_PRECONDITION.
    """
    version = _version(api, call)
    return await _asked(api, version, {"op": "predict", "request": _request(call.body)})


async def explain(api: Api, call: Call) -> HttpReply:
    """Explain what a version answers, by sampled Shapley values.

    Raises:
        ApiError: as `predict`; FAILED_PRECONDITION and UNIMPLEMENTED by the version's explanationConfig.
        Refusal: NOT_FOUND, FAILED_PRECONDITION.
    """
    version = _version(api, call)
    config = version.document.get("explanationConfig")
    if config is None:
        raise field_error("name", "The version has no explanation config.", status="FAILED_PRECONDITION")
    if "sampledShapleyAttribution" not in config:
        raise ApiError("UNIMPLEMENTED", "Of the attribution methods this server has sampled Shapley only.")
    plan = {"paths": config["sampledShapleyAttribution"]["numPaths"]}
    return await _asked(api, version, {"op": "explain", "request": _request(call.body), "plan": plan})


def _version(api: Api, call: Call) -> Version:
    """Return the version that a call names.

    Raises:
        ApiError: INVALID_ARGUMENT: it names none; PERMISSION_DENIED.
        Refusal: NOT_FOUND, FAILED_PRECONDITION.
    """
    model, version = call.names.get("modelsId"), call.names.get("versionsId")
    if len(call.names) != 1 + (model is not None) + (version is not None) or model is None:
        raise field_error("name", "It must name a model or a version: projects/p/models/m[/versions/v].")
    require(api, call, f"ml.{'models' if version is None else 'versions'}.predict", model=model)
    return api.service.models.servable(call.project, model, version)


def _request(body: bytes) -> msgspec.Raw:
    """Check the outside of a request; what is inside of it is between the caller and the model.

    Raises:
        ApiError: INVALID_ARGUMENT.
    """
    try:
        body.decode()  # what is only looked over below is not checked to be UTF-8
        fields = msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid(f"Invalid JSON payload received. {error}") from None
    if not bytes(fields.get("instances", b"")).lstrip().startswith(b"["):
        raise field_error("instances", "The body must have a list of instances.")
    return msgspec.Raw(body)


async def _asked(api: Api, version: Version, message: dict[str, Any]) -> HttpReply:
    models = api.service.models
    try:
        reply = await asyncio.wrap_future(models.ask(version, msgspec.json.encode(message)))
    except ModelError as error:
        return _failed(error, as_400=models.settings.errors_as_400)
    except Busy as error:
        raise ApiError("RESOURCE_EXHAUSTED", f"{error.message} {error.hint}") from None
    except WorkerSilent as error:
        raise ApiError("DEADLINE_EXCEEDED", error.message) from None
    except WorkerLost as error:
        raise ApiError("UNAVAILABLE", f"{error.message} Repeat the request.") from None
    return HttpReply(status=200, headers=list(_JSON), body=reply + b"\n")


def _failed(error: ModelError, *, as_400: bool) -> HttpReply:
    body = msgspec.json.encode({"error": f"Prediction failed: {error.message}"})
    return HttpReply(status=400 if as_400 else 200, headers=list(_JSON), body=body + b"\n")
