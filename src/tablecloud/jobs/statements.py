"""Every SQL statement of the job store; the tables are in `schema.sql`. Text only: `store.py` runs it."""

from __future__ import annotations

from pathlib import Path

SCHEMA_VERSION = 1
"""Kept in `user_version`; a file of another version is refused, never changed."""


def schema() -> str:
    """Return the statements that make an empty file a job store."""
    return Path(__file__).with_name("schema.sql").read_text(encoding="utf-8")


# Every connection. A writer of another process may hold the file for a moment, never for seconds.
SETTINGS = ("PRAGMA busy_timeout = 10000", "PRAGMA foreign_keys = ON")
# FULL: a commit that was answered survives a power cut.
WRITER_SETTINGS = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL")
READER_SETTINGS = ("PRAGMA query_only = ON",)

READ_VERSION = "PRAGMA user_version"
WRITE_VERSION = f"PRAGMA user_version = {SCHEMA_VERSION}"
COUNT_TABLES = "SELECT count(*) FROM sqlite_master"
CHECK_FILE = "PRAGMA quick_check(1)"

BEGIN = "BEGIN IMMEDIATE"
COMMIT = "COMMIT"
ROLLBACK = "ROLLBACK"
SAVE = "SAVEPOINT item"
KEEP = "RELEASE item"
UNDO = "ROLLBACK TO item"

JOB_COLUMNS = (
    "uid, project, job_id, state, document, labels, labels_revision, revision, priority, create_time, "
    "start_time, end_time, error_message, reason, attempt, executor, ref, token, user_restarts, not_before, "
    "wait_deadline, run_deadline, cancel_reason, output"
)
_SELECT = f"SELECT {JOB_COLUMNS} FROM jobs "

JOB_BY_NAME = _SELECT + "WHERE project = :project AND job_id = :job_id"
JOB_BY_UID = _SELECT + "WHERE uid = :uid"
JOBS_BY_ID = _SELECT + "WHERE job_id = :job_id ORDER BY project"
COUNT_STATES = "SELECT state, count(*) FROM jobs GROUP BY state ORDER BY state"

PAGE_FIRST = _SELECT + "WHERE project = :project ORDER BY create_time DESC, job_id LIMIT :limit"
# Written as a range and an exception, because SQLite walks an index for this and not for the OR of it.
PAGE_NEXT = (
    _SELECT
    + "WHERE project = :project AND create_time <= :time AND NOT (create_time = :time AND job_id <= :job_id) "
    "ORDER BY create_time DESC, job_id LIMIT :limit"
)

ACTIVE = _SELECT + "WHERE state IN ('PREPARING', 'RUNNING', 'CANCELLING') ORDER BY create_time"
UNSWEPT = _SELECT + "WHERE ref IS NOT NULL AND end_time IS NOT NULL"
OVERDUE = _SELECT + "WHERE state = 'QUEUED' AND wait_deadline IS NOT NULL AND wait_deadline <= :now"
# The place of a queued job, and whether it is one: for stores where ranks in memory would go stale.
PLACE = """
SELECT count(*), coalesce(max(CASE WHEN uid = :uid THEN 1 END), 0) FROM jobs WHERE state = 'QUEUED'
AND (priority > :priority OR (priority = :priority AND (create_time, uid) <= (:time, :uid)))"""
QUEUE_KEYS = "SELECT priority, create_time, uid FROM jobs WHERE state = 'QUEUED'"

# Steps from project to project in the index instead of reading the whole queue.
QUEUED_PROJECTS = """
WITH RECURSIVE step (project) AS (
  SELECT min(project) FROM jobs WHERE state = 'QUEUED'
  UNION ALL
  SELECT (SELECT min(project) FROM jobs WHERE state = 'QUEUED' AND jobs.project > step.project)
  FROM step WHERE step.project IS NOT NULL)
SELECT project FROM step WHERE project IS NOT NULL"""
QUEUE_HEAD = (
    _SELECT + "WHERE state = 'QUEUED' AND project = :project AND (not_before IS NULL OR not_before <= :now) "
    "ORDER BY priority DESC, create_time, uid LIMIT :limit"
)

INSERT_JOB = """
INSERT INTO jobs (uid, project, job_id, state, document, labels, priority, create_time, reason,
                  wait_deadline, run_seconds)
VALUES (:uid, :project, :job_id, 'QUEUED', :document, :labels, :priority, :at, :reason,
        :wait_deadline, :run_seconds)"""

MOVE_JOB = """
UPDATE jobs SET
  state = :to, reason = :reason, revision = revision + 1, error_message = :error_message,
  start_time = CASE WHEN :to IN ('RUNNING', 'SUCCEEDED') THEN coalesce(start_time, :started)
               ELSE start_time END,
  run_deadline = CASE WHEN :to = 'RUNNING' THEN coalesce(run_deadline, :started + run_seconds)
                 ELSE run_deadline END,
  end_time = CASE WHEN :final THEN :at END,
  cancel_reason = CASE WHEN :to = 'CANCELLING' THEN :reason ELSE cancel_reason END,
  not_before = CASE WHEN :to = 'QUEUED' THEN :not_before ELSE not_before END,
  ref = CASE WHEN :to = 'QUEUED' THEN NULL ELSE ref END,
  output = coalesce(:output, output)
WHERE uid = :uid AND revision = :revision"""

SET_ATTEMPT = """
UPDATE jobs SET
  attempt = :attempt, executor = :executor, ref = :ref, token = :token, user_restarts = :user_restarts,
  not_before = :not_before, revision = revision + 1
WHERE uid = :uid AND revision = :revision"""

FORGET_REF = """
UPDATE jobs SET ref = NULL, revision = revision + 1 WHERE uid = :uid AND end_time IS NOT NULL"""
SET_LABELS = """
UPDATE jobs SET labels = :labels, labels_revision = labels_revision + 1, revision = revision + 1
WHERE uid = :uid"""

SET_OUTPUT = """
UPDATE jobs SET output = :output, revision = revision + 1 WHERE uid = :uid AND end_time IS NULL"""

INSERT_EVENT = """
INSERT INTO job_events (job_uid, seq, from_state, to_state, reason, at, actor)
SELECT :uid, coalesce(max(seq), 0) + 1, :from, :to, :reason, :at, :actor
FROM job_events WHERE job_uid = :uid"""
EVENTS = """
SELECT job_uid, seq, from_state, to_state, reason, at, actor
FROM job_events WHERE job_uid = :uid ORDER BY seq"""

POLICY = "SELECT document, revision FROM policies WHERE resource = :resource"
SET_POLICY = """
INSERT INTO policies (resource, document, revision) VALUES (:resource, :document, :revision)
ON CONFLICT (resource) DO UPDATE SET document = excluded.document, revision = excluded.revision"""
