"""The store of models: every question and every change, each change one transaction of the job store's file.

A change that is answered is on disk. Contract: ml-jobs-service 1.11, 1.12.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

from tablecloud.jobs.models import inside
from tablecloud.jobs.models import statements as sql
from tablecloud.jobs.models.documents import EMPTY, version_document
from tablecloud.jobs.models.records import (
    Failure,
    Model,
    Operation,
    OperationKind,
    Refusal,
    Version,
    VersionState,
)
from tablecloud.jobs.models.rows import end_values, model_from_row, operation_from_row, version_from_row
from tablecloud.jobs.rows import storable, to_json
from tablecloud.jobs.store import Store

T = TypeVar("T")

Change = Callable[[dict[str, Any]], dict[str, Any]]
"""From the document there is to the one there shall be."""


class ModelStore:
    """Models, versions and operations; safe to use from any thread.

    Parameters:
        store: open; its file gets the tables of `models.sql` where they are missing.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._write(_make_tables)

    # Questions.

    def model(self, project: str, name: str) -> Model | None:
        """Return a model."""
        rows = self._store.read(sql.MODEL, project=project, name=name)
        return model_from_row(rows[0]) if rows else None

    def models(self, project: str, *, after: str, limit: int) -> list[Model]:
        """Return the next models of a project by name."""
        return [
            model_from_row(row)
            for row in self._store.read(sql.MODELS, project=project, after=after, limit=limit)
        ]

    def version(self, project: str, model: str, name: str) -> Version | None:
        """Return a version."""
        rows = self._store.read(sql.VERSION, project=project, model=model, name=name)
        return version_from_row(rows[0]) if rows else None

    def version_by_uid(self, uid: str) -> Version | None:
        """Return the version of a uid."""
        rows = self._store.read(sql.VERSION_BY_UID, uid=uid)
        return version_from_row(rows[0]) if rows else None

    def versions(self, project: str, model: str, *, after: str, limit: int) -> list[Version]:
        """Return the next versions of a model by name."""
        rows = self._store.read(sql.VERSIONS, project=project, model=model, after=after, limit=limit)
        return [version_from_row(row) for row in rows]

    def uids(self) -> set[str]:
        """Return the uids of all versions."""
        return {uid for (uid,) in self._store.read(sql.UIDS)}

    def operation(self, project: str, operation_id: str) -> Operation | None:
        """Return an operation."""
        rows = self._store.read(sql.OPERATION, project=project, id=operation_id)
        return operation_from_row(rows[0]) if rows else None

    def operations(self, project: str, *, after: tuple[float, str] | None, limit: int) -> list[Operation]:
        """Return the next operations of a project after (create time, id), newest first."""
        if after is None:
            rows = self._store.read(sql.OPERATIONS, project=project, limit=limit)
        else:
            rows = self._store.read(
                sql.OPERATIONS_AFTER, project=project, time=after[0], id=after[1], limit=limit
            )
        return [operation_from_row(row) for row in rows]

    def pending(self) -> list[Operation]:
        """Return the operations that have not ended, oldest first."""
        return [operation_from_row(row) for row in self._store.read(sql.PENDING)]

    # Changes.

    def create_model(self, model: Model) -> Model:
        """Write a new model.

        Raises:
            Refusal: ALREADY_EXISTS.
        """
        values = {
            "project": model.project,
            "name": model.name,
            "document": to_json(model.document),
            "at": model.create_time,
        }

        def work(connection: sqlite3.Connection) -> Model:
            if inside.find_model(connection, model.project, model.name) is not None:
                raise Refusal("ALREADY_EXISTS", "model.name", "A model with the same name already exists.")
            connection.execute(sql.INSERT_MODEL, values)
            return inside.known_model(connection, model.project, model.name)

        return self._write(work)

    def patch_model(
        self,
        project: str,
        name: str,
        change: Change,
        *,
        default_version: str | None,
        expected_revision: int | None,
        now: float,
    ) -> Operation:
        """Change a model's document, and its default version unless that is None.

        Raises:
            Refusal: NOT_FOUND, ABORTED for a stale revision, FAILED_PRECONDITION for a default version that
                is not ready.
        """

        def work(connection: sqlite3.Connection) -> Operation:
            model = inside.known_model(connection, project, name)
            inside.check_revision(model.revision, expected_revision, "model.etag")
            if default_version is not None:
                inside.ready_version(connection, project, name, default_version)
            values = {
                "project": project,
                "name": name,
                "document": to_json(change(model.document)),
                "default_version": default_version or model.default_version,
            }
            connection.execute(sql.UPDATE_MODEL, values)
            changed = inside.known_model(connection, project, name)
            operation = inside.operation_on_model(OperationKind.UPDATE_MODEL, changed, now)
            return inside.insert_ended(connection, operation, inside.model_response(connection, changed))

        return self._write(work)

    def delete_model(self, project: str, name: str, *, now: float) -> Operation:
        """Delete a model and its access policy.

        Raises:
            Refusal: NOT_FOUND; FAILED_PRECONDITION while it has versions.
        """

        def work(connection: sqlite3.Connection) -> Operation:
            model = inside.known_model(connection, project, name)
            if connection.execute(sql.ANY_VERSION, {"project": project, "name": name}).fetchone():
                raise Refusal(
                    "FAILED_PRECONDITION", "name", "The model has versions; delete them before the model."
                )
            connection.execute(sql.DELETE_MODEL, {"project": project, "name": name})
            # A later model of this name must not inherit who may use it.
            connection.execute(sql.DELETE_POLICY, {"resource": model.path})
            operation = inside.operation_on_model(OperationKind.DELETE_MODEL, model, now)
            return inside.insert_ended(connection, operation, dict(EMPTY))

        return self._write(work)

    def create_version(self, version: Version) -> Operation:
        """Write a version in state CREATING, and the operation that will make it READY or FAILED.

        Raises:
            Refusal: NOT_FOUND (the model), ALREADY_EXISTS.
        """
        place = (version.project, version.model, version.name)
        values = {
            "project": version.project,
            "model": version.model,
            "name": version.name,
            "uid": version.uid,
            "document": to_json(version.document),
            "at": version.create_time,
        }

        def work(connection: sqlite3.Connection) -> Operation:
            inside.known_model(connection, version.project, version.model)
            if inside.find_version(connection, *place) is not None:
                raise Refusal(
                    "ALREADY_EXISTS", "version.name", "A version with the same name already exists."
                )
            connection.execute(sql.INSERT_VERSION, values)
            written = inside.known_version(connection, *place)
            operation = inside.operation_on_version(
                OperationKind.CREATE_VERSION, written, version.create_time, default=False
            )
            return inside.insert_operation(connection, operation)

        return self._write(work)

    def start_operation(self, operation: Operation, *, now: float) -> None:
        """Note when work on an operation began."""
        values = {"project": operation.project, "id": operation.id, "at": now}
        self._write(lambda connection: connection.execute(sql.START_OPERATION, values).rowcount)

    def end_creation(
        self, operation: Operation, *, framework: str = "", failure: Failure | None = None, now: float
    ) -> Operation | None:
        """End the creation of a version; the model's first READY one becomes its default.

        Returns None where the creation had ended already.
        """
        values = {
            "uid": operation.version_uid,
            "state": (VersionState.READY if failure is None else VersionState.FAILED).value,
            "framework": framework,
            "error_message": None if failure is None else storable(failure.message),
        }

        def work(connection: sqlite3.Connection) -> Operation | None:
            if not connection.execute(sql.END_CREATION, values).rowcount:
                return None
            row = connection.execute(sql.VERSION_BY_UID, {"uid": operation.version_uid}).fetchone()
            version = version_from_row(row)
            default = failure is None and inside.become_default(connection, version)
            target = version_document(version, is_default=default)
            response = inside.version_response(version, default=default) if failure is None else None
            ending = end_values(operation, now, failure=failure, target=target, response=response)
            connection.execute(sql.END_OPERATION, ending)
            return inside.known_operation(connection, operation)

        return self._write(work)

    def request_cancel(self, operation: Operation) -> None:
        """Note that somebody wants an operation cancelled; one that has ended stays as it is."""
        values = {"project": operation.project, "id": operation.id}
        self._write(lambda connection: connection.execute(sql.CANCEL_OPERATION, values).rowcount)

    def patch_version(
        self,
        project: str,
        model: str,
        name: str,
        change: Change,
        *,
        expected_revision: int | None,
        now: float,
    ) -> Operation:
        """Change a version's document.

        Raises:
            Refusal: NOT_FOUND, ABORTED, FAILED_PRECONDITION while it is being created.
        """

        def work(connection: sqlite3.Connection) -> Operation:
            version = inside.settled_version(connection, project, model, name)
            inside.check_revision(version.revision, expected_revision, "version.etag")
            document = to_json(change(version.document))
            connection.execute(sql.UPDATE_VERSION, {"uid": version.uid, "document": document})
            changed = inside.known_version(connection, project, model, name)
            default = inside.is_default(connection, changed)
            operation = inside.operation_on_version(
                OperationKind.UPDATE_VERSION, changed, now, default=default
            )
            response = inside.version_response(changed, default=default)
            return inside.insert_ended(connection, operation, response)

        return self._write(work)

    def delete_version(self, project: str, model: str, name: str, *, now: float) -> Operation:
        """Delete a version; its files are the caller's to remove.

        Raises:
            Refusal: NOT_FOUND; FAILED_PRECONDITION while it is being created, and for the default version
                while there are others.
        """

        def work(connection: sqlite3.Connection) -> Operation:
            version = inside.settled_version(connection, project, model, name)
            default = inside.is_default(connection, version)
            inside.allow_deletion(connection, version)
            connection.execute(sql.DELETE_VERSION, {"uid": version.uid})
            operation = inside.operation_on_version(
                OperationKind.DELETE_VERSION, version, now, default=default
            )
            return inside.insert_ended(connection, operation, dict(EMPTY))

        return self._write(work)

    def set_default(self, project: str, model: str, name: str) -> Version:
        """Make a version the default of its model.

        Raises:
            Refusal: NOT_FOUND; FAILED_PRECONDITION where it is not ready.
        """

        def work(connection: sqlite3.Connection) -> Version:
            inside.known_model(connection, project, model)
            version = inside.ready_version(connection, project, model, name)
            inside.set_default(connection, version, name)
            return version

        return self._write(work)

    def note_use(self, uid: str, *, at: float) -> None:
        """Note that a version was used; does not wait for the disk."""
        values = {"uid": uid, "at": at}
        self._store.write(lambda connection: connection.execute(sql.NOTE_USE, values).rowcount)

    def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return self._store.write(work).result()


def _make_tables(connection: sqlite3.Connection) -> None:
    for statement in sql.tables():
        connection.execute(statement)
