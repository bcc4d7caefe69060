"""Every SQL statement about models; the tables are in `models.sql`. Text only: `store.py` runs it."""

from __future__ import annotations

from pathlib import Path


def tables() -> list[str]:
    """Return the statements that make the tables where they are missing."""
    text = Path(__file__).with_name("models.sql").read_text(encoding="utf-8")
    return [statement for statement in text.split("\n\n") if "CREATE" in statement]


_MODEL = "SELECT project, name, document, default_version, revision, create_time FROM models "
MODEL = _MODEL + "WHERE project = :project AND name = :name"
MODELS = _MODEL + "WHERE project = :project AND name > :after ORDER BY name LIMIT :limit"
INSERT_MODEL = """
INSERT INTO models (project, name, document, create_time) VALUES (:project, :name, :document, :at)"""
UPDATE_MODEL = """
UPDATE models SET document = :document, default_version = :default_version, revision = revision + 1
WHERE project = :project AND name = :name"""
SET_DEFAULT = "UPDATE models SET default_version = :version WHERE project = :project AND name = :model"
DELETE_MODEL = "DELETE FROM models WHERE project = :project AND name = :name"
DELETE_POLICY = "DELETE FROM policies WHERE resource = :resource"

_VERSION = (
    "SELECT uid, project, model, name, state, document, framework, error_message, create_time, "
    "last_use_time, revision FROM versions "
)
VERSION = _VERSION + "WHERE project = :project AND model = :model AND name = :name"
VERSION_BY_UID = _VERSION + "WHERE uid = :uid"
VERSIONS = (
    _VERSION + "WHERE project = :project AND model = :model AND name > :after ORDER BY name LIMIT :limit"
)
ANY_VERSION = "SELECT 1 FROM versions WHERE project = :project AND model = :name LIMIT 1"
ANY_OTHER_VERSION = (
    "SELECT 1 FROM versions WHERE project = :project AND model = :model AND name <> :name LIMIT 1"
)
UIDS = "SELECT uid FROM versions"
INSERT_VERSION = """
INSERT INTO versions (project, model, name, uid, state, document, create_time)
VALUES (:project, :model, :name, :uid, 'CREATING', :document, :at)"""
END_CREATION = """
UPDATE versions SET state = :state, framework = :framework, error_message = :error_message
WHERE uid = :uid AND state = 'CREATING'"""
UPDATE_VERSION = "UPDATE versions SET document = :document, revision = revision + 1 WHERE uid = :uid"
DELETE_VERSION = "DELETE FROM versions WHERE uid = :uid"
NOTE_USE = "UPDATE versions SET last_use_time = :at WHERE uid = :uid"

_OPERATION = (
    "SELECT project, id, kind, model, version, version_uid, labels, create_time, start_time, end_time, "
    "cancel_requested, error_code, error_message, target, response FROM model_operations "
)
OPERATION = _OPERATION + "WHERE project = :project AND id = :id"
PENDING = _OPERATION + "WHERE end_time IS NULL ORDER BY create_time, id"
OPERATIONS = _OPERATION + "WHERE project = :project ORDER BY create_time DESC, id LIMIT :limit"
OPERATIONS_AFTER = (
    _OPERATION
    + "WHERE project = :project AND create_time <= :time AND NOT (create_time = :time AND id <= :id) "
    "ORDER BY create_time DESC, id LIMIT :limit"
)
INSERT_OPERATION = """
INSERT INTO model_operations (project, id, kind, model, version, version_uid, labels, create_time,
                              start_time, end_time, target, response)
VALUES (:project, :id, :kind, :model, :version, :version_uid, :labels, :create_time,
        :start_time, :end_time, :target, :response)"""
START_OPERATION = """
UPDATE model_operations SET start_time = coalesce(start_time, :at)
WHERE project = :project AND id = :id AND end_time IS NULL"""
CANCEL_OPERATION = """
UPDATE model_operations SET cancel_requested = 1 WHERE project = :project AND id = :id AND end_time IS NULL"""
END_OPERATION = """
UPDATE model_operations SET end_time = :at, error_code = :error_code, error_message = :error_message,
  target = :target, response = :response
WHERE project = :project AND id = :id AND end_time IS NULL"""
