"""Locations and the project's configuration. Contract: ml-jobs-service 1.13."""

from __future__ import annotations

import base64
import binascii

from tablecloud.jobs.api.calls import Api, Call
from tablecloud.jobs.api.paging import page_size
from tablecloud.jobs.api.permissions import require
from tablecloud.jobs.wire.errors import field_error
from tablecloud.jobs.wire.schemas import JsonObject

LOCATIONS = (
    "local",
    "asia-east1",
    "asia-northeast1",
    "asia-southeast1",
    "australia-southeast1",
    "europe-west1",
    "europe-west2",
    "europe-west4",
    "northamerica-northeast1",
    "us-central1",
    "us-east1",
    "us-east4",
    "us-west1",
    "us-west2",
)
"""This machine, and the region names that jobs written for the cloud carry; all are served here."""


async def list_locations(api: Api, call: Call) -> JsonObject:
    """Return a page of the locations.

    Raises:
        ApiError: PERMISSION_DENIED, INVALID_ARGUMENT.
    """
    require(api, call, "ml.locations.list")
    size, start = page_size(call.query), _start(call.query.get("pageToken", ""))
    names = LOCATIONS[start : start + size]
    reply: JsonObject = {"locations": [_location(call, name) for name in names]} if names else {}
    if start + size < len(LOCATIONS):
        reply["nextPageToken"] = base64.urlsafe_b64encode(str(start + size).encode()).decode()
    return reply


async def get_location(api: Api, call: Call) -> JsonObject:
    """Return one location.

    Raises:
        ApiError: PERMISSION_DENIED, NOT_FOUND.
    """
    require(api, call, "ml.locations.get")
    name = call.names["locationsId"]
    if name not in LOCATIONS:
        raise field_error("name", "The specified location was not found.", status="NOT_FOUND")
    return _location(call, name)


async def get_config(api: Api, call: Call) -> JsonObject:
    """Return the project's service accounts, made of its fake number.

    Raises:
        ApiError: PERMISSION_DENIED.
    """
    require(api, call, "ml.projects.getConfig")
    number = api.service.project_number(call.project)
    return {
        "serviceAccount": f"service-{number}@cloud-ml.google.com.iam.gserviceaccount.com",
        "serviceAccountProject": str(number),
        "config": {"tpuServiceAccount": f"service-{number}@cloud-tpu.iam.gserviceaccount.com"},
    }


def _location(call: Call, name: str) -> JsonObject:
    capabilities = [{"type": kind} for kind in ("TRAINING", "ONLINE_PREDICTION")]
    return {"name": f"projects/{call.project}/locations/{name}", "capabilities": capabilities}


def _start(token: str) -> int:
    try:
        start = int(base64.b64decode(token, altchars=b"-_", validate=True)) if token else 0
    except (binascii.Error, ValueError):
        start = -1
    if not 0 <= start < len(LOCATIONS):
        raise field_error("page_token", "The page token is invalid.")
    return start
