"""Models, versions and operations as the documents the API shows. Pure.

Contract: ml-jobs-service 1.2 (whole-second times), 1.11, 1.12.
"""

from __future__ import annotations

from typing import Any

from tablecloud.jobs.api.etags import etag_of
from tablecloud.jobs.models.records import Model, Operation, Version, VersionState
from tablecloud.jobs.wire.times import format_seconds

TYPES = "type.googleapis.com/google.cloud.ml.v1."
EMPTY: dict[str, Any] = {"@type": "type.googleapis.com/google.protobuf.Empty"}
"""The response of a deletion."""

_SHOWN_FRAMEWORKS = ("SCIKIT_LEARN", "XGBOOST", "TENSORFLOW")


def model_document(model: Model, default: Version | None) -> dict[str, Any]:
    """Return a Model as replies show it; `default` is its default version."""
    document: dict[str, Any] = {"name": model.path, **model.document}
    document.setdefault("regions", ["us-central1"])
    if default is not None:
        document["defaultVersion"] = version_document(default, is_default=True)
    document["etag"] = etag_of(model.revision)
    return document


def version_document(version: Version, *, is_default: bool) -> dict[str, Any]:
    """Return a Version as replies show it."""
    document: dict[str, Any] = {
        "name": version.path,
        **version.document,
        "createTime": format_seconds(version.create_time),
        "state": version.state.value,
        "etag": etag_of(version.revision),
    }
    if version.framework in _SHOWN_FRAMEWORKS:
        document.setdefault("framework", version.framework)
    if is_default:
        document["isDefault"] = True
    if version.last_use_time is not None:
        document["lastUseTime"] = format_seconds(version.last_use_time)
    if version.state is VersionState.FAILED:
        document["errorMessage"] = version.error_message
    return document


def operation_document(operation: Operation, project_number: int) -> dict[str, Any]:
    """Return a longrunning Operation."""
    document: dict[str, Any] = {
        "name": f"projects/{operation.project}/operations/{operation.id}",
        "metadata": _metadata(operation, project_number),
        "done": operation.done,
    }
    if operation.failure is not None:
        document["error"] = {"code": operation.failure.code, "message": operation.failure.message}
    elif operation.response is not None:
        document["response"] = operation.response
    return document


def _metadata(operation: Operation, project_number: int) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "@type": TYPES + "OperationMetadata",
        "createTime": format_seconds(operation.create_time),
        "operationType": operation.kind.value,
        "modelName": f"projects/{operation.project}/models/{operation.model}",
        "projectNumber": str(project_number),
        "isCancellationRequested": operation.cancel_requested,
    }
    if operation.start_time is not None:
        metadata["startTime"] = format_seconds(operation.start_time)
    if operation.end_time is not None:
        metadata["endTime"] = format_seconds(operation.end_time)
    if operation.target is not None:
        metadata["version"] = operation.target
    if operation.labels:
        metadata["labels"] = operation.labels
    return metadata
