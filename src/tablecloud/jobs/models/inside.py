"""What the transactions of the model store look up, check and write; all inside a transaction under way."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from tablecloud.jobs.models import statements as sql
from tablecloud.jobs.models.documents import TYPES, model_document, version_document
from tablecloud.jobs.models.records import (
    Model,
    Operation,
    OperationKind,
    Refusal,
    Version,
    VersionState,
    no_such_model,
    no_such_version,
)
from tablecloud.jobs.models.rows import (
    model_from_row,
    operation_from_row,
    operation_values,
    version_from_row,
)


def find_model(connection: sqlite3.Connection, project: str, name: str) -> Model | None:
    """Return a model."""
    row = connection.execute(sql.MODEL, {"project": project, "name": name}).fetchone()
    return None if row is None else model_from_row(row)


def known_model(connection: sqlite3.Connection, project: str, name: str) -> Model:
    """Return a model.

    Raises:
        Refusal: NOT_FOUND.
    """
    model = find_model(connection, project, name)
    if model is None:
        raise no_such_model()
    return model


def find_version(connection: sqlite3.Connection, project: str, model: str, name: str) -> Version | None:
    """Return a version."""
    row = connection.execute(sql.VERSION, {"project": project, "model": model, "name": name}).fetchone()
    return None if row is None else version_from_row(row)


def known_version(connection: sqlite3.Connection, project: str, model: str, name: str) -> Version:
    """Return a version.

    Raises:
        Refusal: NOT_FOUND.
    """
    version = find_version(connection, project, model, name)
    if version is None:
        raise no_such_version()
    return version


def settled_version(connection: sqlite3.Connection, project: str, model: str, name: str) -> Version:
    """Return a version that is not being created.

    Raises:
        Refusal: NOT_FOUND, FAILED_PRECONDITION.
    """
    version = known_version(connection, project, model, name)
    if version.state is VersionState.CREATING:
        raise Refusal(
            "FAILED_PRECONDITION", "name", "The version is being created; wait for its operation to end."
        )
    return version


def ready_version(connection: sqlite3.Connection, project: str, model: str, name: str) -> Version:
    """Return a version that can be asked.

    Raises:
        Refusal: NOT_FOUND, FAILED_PRECONDITION.
    """
    version = known_version(connection, project, model, name)
    if version.state is not VersionState.READY:
        raise Refusal("FAILED_PRECONDITION", "name", f"The version is {version.state.value}, not READY.")
    return version


def known_operation(connection: sqlite3.Connection, operation: Operation) -> Operation:
    """Return an operation as it is now."""
    values = {"project": operation.project, "id": operation.id}
    return operation_from_row(connection.execute(sql.OPERATION, values).fetchone())


def check_revision(current: int, expected: int | None, field: str) -> None:
    """Refuse a change that was made from an older state; None changes blindly.

    Raises:
        Refusal: ABORTED.
    """
    if expected is not None and expected != current:
        raise Refusal(
            "ABORTED",
            field,
            "The etag is not the current one: read the resource again and repeat the change.",
        )


def allow_deletion(connection: sqlite3.Connection, version: Version) -> None:
    """Refuse to delete the default version while there are others; of the last one, forget the default.

    Raises:
        Refusal: FAILED_PRECONDITION.
    """
    values = {"project": version.project, "model": version.model, "name": version.name}
    if known_model(connection, version.project, version.model).default_version != version.name:
        return
    if connection.execute(sql.ANY_OTHER_VERSION, values).fetchone():
        raise Refusal(
            "FAILED_PRECONDITION",
            "name",
            "The default version cannot be deleted while the model has others; make another one the default "
            "first.",
        )
    set_default(connection, version, None)


def become_default(connection: sqlite3.Connection, version: Version) -> bool:
    """Make a version the default of a model that has none; return whether it is the default now."""
    if known_model(connection, version.project, version.model).default_version is None:
        set_default(connection, version, version.name)
        return True
    return is_default(connection, version)


def is_default(connection: sqlite3.Connection, version: Version) -> bool:
    """Say whether a version is its model's default."""
    return known_model(connection, version.project, version.model).default_version == version.name


def set_default(connection: sqlite3.Connection, version: Version, name: str | None) -> None:
    """Make `name` the default version of the model that `version` belongs to."""
    values = {"project": version.project, "model": version.model, "version": name}
    connection.execute(sql.SET_DEFAULT, values)


def operation_on_model(kind: OperationKind, model: Model, now: float) -> Operation:
    """Return a new operation on a model; its id is made unique when it is written."""
    return Operation(
        project=model.project,
        id=f"{kind.verb}_{model.name}-",
        kind=kind,
        model=model.name,
        labels=model.document.get("labels", {}),
        create_time=now,
    )


def operation_on_version(kind: OperationKind, version: Version, now: float, *, default: bool) -> Operation:
    """Return a new operation on a version; its id is made unique when it is written."""
    return Operation(
        project=version.project,
        id=f"{kind.verb}_{version.model}_{version.name}-",
        kind=kind,
        model=version.model,
        version=version.name,
        version_uid=version.uid,
        labels=version.document.get("labels", {}),
        create_time=now,
        target=version_document(version, is_default=default),
    )


def insert_operation(connection: sqlite3.Connection, operation: Operation) -> Operation:
    """Write an operation under the first free id of its kind, model and millisecond."""
    millis = int(operation.create_time * 1000)
    while True:
        named = replace(operation, id=f"{operation.id}{millis}")
        taken = connection.execute(sql.OPERATION, {"project": named.project, "id": named.id}).fetchone()
        if taken is None:
            connection.execute(sql.INSERT_OPERATION, operation_values(named))
            return named
        millis += 1


def insert_ended(
    connection: sqlite3.Connection, operation: Operation, response: dict[str, object]
) -> Operation:
    """Write an operation that has ended as soon as it began."""
    now = operation.create_time
    return insert_operation(connection, replace(operation, start_time=now, end_time=now, response=response))


def version_response(version: Version, *, default: bool) -> dict[str, object]:
    """Return the response of an operation that gives a version."""
    return {"@type": TYPES + "Version", **version_document(version, is_default=default)}


def model_response(connection: sqlite3.Connection, model: Model) -> dict[str, object]:
    """Return the response of an operation that gives a model."""
    name = model.default_version
    default = None if name is None else find_version(connection, model.project, model.name, name)
    return {"@type": TYPES + "Model", **model_document(model, default)}
