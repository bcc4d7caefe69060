"""Studies, trials and their operations in the job store's file; every change is one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from tablecloud.jobs.rows import Row, to_json
from tablecloud.jobs.store import Store
from tablecloud.jobs.studies.model import (
    Study,
    StudyExists,
    StudyName,
    StudyState,
    StudyTrial,
    UnknownStudy,
    UnknownTrial,
)
from tablecloud.jobs.tables import create_tables

_KEY = "project = :project AND location = :location AND study_id = :study"
_STUDY = f"SELECT study_id, document, state, create_time FROM studies WHERE {_KEY}"
_STUDIES = """
SELECT study_id, document, state, create_time FROM studies
WHERE project = :project AND location = :location ORDER BY create_time, study_id"""
_INSERT_STUDY = """
INSERT INTO studies (project, location, study_id, document, state, create_time)
VALUES (:project, :location, :study, :document, :state, :create_time)"""
_DELETE_STUDY = f"DELETE FROM studies WHERE {_KEY}"
_SET_STATE = f"UPDATE studies SET state = :state WHERE {_KEY}"
_TAKE_ID = f"UPDATE studies SET next_trial = next_trial + 1 WHERE {_KEY} RETURNING next_trial - 1"

_TRIALS = f"SELECT document FROM study_trials WHERE {_KEY} ORDER BY trial_id"
_TRIAL = f"SELECT document FROM study_trials WHERE {_KEY} AND trial_id = :trial"
_PUT_TRIAL = """
INSERT INTO study_trials (project, location, study_id, trial_id, document)
VALUES (:project, :location, :study, :trial, :document)
ON CONFLICT (project, location, study_id, trial_id) DO UPDATE SET document = excluded.document"""
_DELETE_TRIAL = f"DELETE FROM study_trials WHERE {_KEY} AND trial_id = :trial"

_OPERATION = """
SELECT document FROM study_operations
WHERE project = :project AND location = :location AND operation_id = :operation"""
_INSERT_OPERATION = """
INSERT INTO study_operations (project, location, operation_id, study_id, document)
VALUES (:project, :location, :operation, :study, :document)"""


class StudyStore:
    """The studies of one job store; safe to use from any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        create_tables(store, Path(__file__).with_name("tables.sql"))

    def get(self, name: StudyName) -> Study:
        """Return a study.

        Raises:
            UnknownStudy: there is none of this name.
        """
        rows = self._store.read(_STUDY, **_key(name))
        if not rows:
            raise _unknown_study(name)
        return _study(name.project, name.location, rows[0])

    def in_location(self, project: str, location: str) -> list[Study]:
        """Return the studies of a location, oldest first."""
        rows = self._store.read(_STUDIES, project=project, location=location)
        return [_study(project, location, row) for row in rows]

    def insert(self, study: Study) -> None:
        """Write a new study.

        Raises:
            StudyExists: there is one of this name.
        """
        values = {
            **_key(study.name),
            "document": to_json(study.config),
            "state": study.state.value,
            "create_time": study.create_time,
        }

        def work(connection: sqlite3.Connection) -> None:
            if connection.execute(_STUDY, _key(study.name)).fetchone() is not None:
                raise StudyExists(f"The study {study.name} exists already.", hint="Choose another studyId.")
            connection.execute(_INSERT_STUDY, values)

        self._store.write(work).result()

    def delete(self, name: StudyName) -> None:
        """Remove a study with everything that belongs to it.

        Raises:
            UnknownStudy: there is none of this name.
        """

        def work(connection: sqlite3.Connection) -> None:
            if not connection.execute(_DELETE_STUDY, _key(name)).rowcount:
                raise _unknown_study(name)

        self._store.write(work).result()

    def set_state(self, name: StudyName, state: StudyState) -> None:
        """Write a study's state."""
        values = {**_key(name), "state": state.value}
        self._store.write(lambda connection: connection.execute(_SET_STATE, values).rowcount).result()

    def trials(self, name: StudyName) -> list[StudyTrial]:
        """Return a study's trials by their ids."""
        return [_trial(row) for row in self._store.read(_TRIALS, **_key(name))]

    def trial(self, name: StudyName, trial_id: int) -> StudyTrial:
        """Return one trial.

        Raises:
            UnknownTrial: the study has none of this id.
        """
        rows = self._store.read(_TRIAL, **_key(name), trial=trial_id)
        if not rows:
            raise _unknown_trial(name, trial_id)
        return _trial(rows[0])

    def add(self, name: StudyName, trials: Sequence[StudyTrial]) -> list[StudyTrial]:
        """Write new trials, giving each the study's next id; ids are never used again.

        Raises:
            UnknownStudy: there is none of this name.
        """

        def work(connection: sqlite3.Connection) -> list[StudyTrial]:
            added = []
            for trial in trials:
                row = connection.execute(_TAKE_ID, _key(name)).fetchone()
                if row is None:
                    raise _unknown_study(name)
                added.append(replace(trial, trial_id=row[0]))
                _put(connection, name, added[-1])
            return added

        return self._store.write(work).result()

    def change(self, name: StudyName, trial_id: int, how: Callable[[StudyTrial], StudyTrial]) -> StudyTrial:
        """Replace a trial by what `how` makes of it, with nobody else's change in between.

        Raises:
            UnknownTrial: the study has none of this id. What `how` raises leaves the trial as it was.
        """

        def work(connection: sqlite3.Connection) -> StudyTrial:
            row = connection.execute(_TRIAL, {**_key(name), "trial": trial_id}).fetchone()
            if row is None:
                raise _unknown_trial(name, trial_id)
            changed = how(_trial(row))
            _put(connection, name, changed)
            return changed

        return self._store.write(work).result()

    def delete_trial(self, name: StudyName, trial_id: int) -> None:
        """Remove a trial.

        Raises:
            UnknownTrial: the study has none of this id.
        """

        def work(connection: sqlite3.Connection) -> None:
            values = {**_key(name), "trial": trial_id}
            if not connection.execute(_DELETE_TRIAL, values).rowcount:
                raise _unknown_trial(name, trial_id)

        self._store.write(work).result()

    def insert_operation(self, name: StudyName, operation_id: str, document: dict[str, Any]) -> None:
        """Write an operation of a study.

        Raises:
            UnknownStudy: the study was removed meanwhile.
        """
        values = {**_key(name), "operation": operation_id, "document": to_json(document)}

        def work(connection: sqlite3.Connection) -> None:
            if connection.execute(_STUDY, _key(name)).fetchone() is None:
                raise _unknown_study(name)
            connection.execute(_INSERT_OPERATION, values)

        self._store.write(work).result()

    def operation(self, project: str, location: str, operation_id: str) -> dict[str, Any] | None:
        """Return an operation; None where there is none of this id."""
        rows = self._store.read(_OPERATION, project=project, location=location, operation=operation_id)
        found: dict[str, Any] | None = msgspec.json.decode(rows[0][0]) if rows else None
        return found


def _key(name: StudyName) -> dict[str, object]:
    return {"project": name.project, "location": name.location, "study": name.study}


def _put(connection: sqlite3.Connection, name: StudyName, trial: StudyTrial) -> None:
    values = {**_key(name), "trial": trial.trial_id, "document": to_json(trial)}
    connection.execute(_PUT_TRIAL, values)


def _study(project: str, location: str, row: Row) -> Study:
    study_id, document, state, create_time = row
    return Study(
        name=StudyName(project=project, location=location, study=study_id),
        config=msgspec.json.decode(document),
        state=StudyState(state),
        create_time=create_time,
    )


def _trial(row: Row) -> StudyTrial:
    return msgspec.json.decode(row[0], type=StudyTrial)


def _unknown_study(name: StudyName) -> UnknownStudy:
    return UnknownStudy(f"There is no study {name}.", hint="List the location's studies to see their names.")


def _unknown_trial(name: StudyName, trial_id: int) -> UnknownTrial:
    return UnknownTrial(
        f"There is no trial {name}/trials/{trial_id}.", hint="List the study's trials to see their ids."
    )
