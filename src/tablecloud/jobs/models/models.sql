-- Models, versions and their operations, beside the jobs in the same file. Times are seconds since the epoch, UTC.
-- JSON is text. Each statement ends at an empty line.

CREATE TABLE IF NOT EXISTS models (
  project         TEXT NOT NULL,
  name            TEXT NOT NULL,
  document        TEXT NOT NULL,
  default_version TEXT,
  revision        INTEGER NOT NULL DEFAULT 1,
  create_time     REAL NOT NULL,
  PRIMARY KEY (project, name)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS versions (
  project       TEXT NOT NULL,
  model         TEXT NOT NULL,
  name          TEXT NOT NULL,
  uid           TEXT NOT NULL UNIQUE,
  state         TEXT NOT NULL CHECK (state IN ('CREATING', 'READY', 'FAILED')),
  document      TEXT NOT NULL,
  framework     TEXT NOT NULL DEFAULT '',
  error_message TEXT,
  create_time   REAL NOT NULL,
  last_use_time REAL,
  revision      INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (project, model, name),
  -- A model with versions cannot be deleted: the database itself refuses.
  FOREIGN KEY (project, model) REFERENCES models (project, name),
  CHECK (state <> 'FAILED' OR error_message IS NOT NULL)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS model_operations (
  project          TEXT NOT NULL,
  id               TEXT NOT NULL,
  kind             TEXT NOT NULL,
  model            TEXT NOT NULL,
  version          TEXT,
  version_uid      TEXT,
  labels           TEXT NOT NULL,
  create_time      REAL NOT NULL,
  start_time       REAL,
  end_time         REAL,
  cancel_requested INTEGER NOT NULL DEFAULT 0,
  error_code       INTEGER,
  error_message    TEXT,
  target           TEXT,
  response         TEXT,
  PRIMARY KEY (project, id),
  CHECK ((end_time IS NOT NULL) = (error_code IS NOT NULL OR response IS NOT NULL)),
  CHECK (error_code IS NULL OR response IS NULL)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS model_operations_by_age ON model_operations (project, create_time DESC, id);

CREATE INDEX IF NOT EXISTS model_operations_pending ON model_operations (create_time) WHERE end_time IS NULL;
