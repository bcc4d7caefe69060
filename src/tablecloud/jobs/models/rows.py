"""Rows of the model tables as records, and back. Pure. The order of columns: `statements`."""

from __future__ import annotations

from typing import Any

import msgspec

from tablecloud.jobs.models.records import Failure, Model, Operation, OperationKind, Version, VersionState
from tablecloud.jobs.rows import Row, storable, to_json


def model_from_row(row: Row) -> Model:
    """Read one row of `models`."""
    project, name, document, default_version, revision, create_time = row
    return Model(
        project=project,
        name=name,
        document=msgspec.json.decode(document),
        default_version=default_version,
        revision=revision,
        create_time=create_time,
    )


def version_from_row(row: Row) -> Version:
    """Read one row of `versions`."""
    (uid, project, model, name, state, document, framework, error_message, create_time,
     last_use_time, revision) = row  # fmt: skip
    return Version(
        uid=uid,
        project=project,
        model=model,
        name=name,
        state=VersionState(state),
        document=msgspec.json.decode(document),
        framework=framework,
        error_message=error_message,
        create_time=create_time,
        last_use_time=last_use_time,
        revision=revision,
    )


def operation_from_row(row: Row) -> Operation:
    """Read one row of `model_operations`."""
    (project, id_, kind, model, version, version_uid, labels, create_time, start_time, end_time,
     cancel_requested, error_code, error_message, target, response) = row  # fmt: skip
    return Operation(
        project=project,
        id=id_,
        kind=OperationKind(kind),
        model=model,
        version=version,
        version_uid=version_uid,
        labels=msgspec.json.decode(labels),
        create_time=create_time,
        start_time=start_time,
        end_time=end_time,
        cancel_requested=bool(cancel_requested),
        failure=None if error_code is None else Failure(code=error_code, message=error_message),
        target=_optional(target),
        response=_optional(response),
    )


def operation_values(operation: Operation) -> dict[str, object]:
    """Return the parameters of the statement that inserts an operation."""
    return {
        "project": operation.project,
        "id": operation.id,
        "kind": operation.kind.value,
        "model": operation.model,
        "version": operation.version,
        "version_uid": operation.version_uid,
        "labels": to_json(operation.labels),
        "create_time": operation.create_time,
        "start_time": operation.start_time,
        "end_time": operation.end_time,
        "target": _text(operation.target),
        "response": _text(operation.response),
    }


def end_values(
    operation: Operation, at: float, *, failure: Failure | None, target: object, response: object
) -> dict[str, object]:
    """Return the parameters of the statement that ends an operation."""
    return {
        "project": operation.project,
        "id": operation.id,
        "at": at,
        "error_code": None if failure is None else failure.code,
        "error_message": None if failure is None else storable(failure.message),
        "target": _text(target),
        "response": _text(response),
    }


def _text(value: object) -> str | None:
    return None if value is None else to_json(value)


def _optional(text: str | None) -> dict[str, Any] | None:
    return None if text is None else msgspec.json.decode(text)
