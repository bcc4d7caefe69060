-- Studies, their trials and their operations, in the job store's file. `document` is JSON.

CREATE TABLE IF NOT EXISTS studies (
  project     TEXT NOT NULL,
  location    TEXT NOT NULL,
  study_id    TEXT NOT NULL,
  document    TEXT NOT NULL,
  state       TEXT NOT NULL CHECK (state IN ('ACTIVE', 'INACTIVE', 'COMPLETED')),
  create_time REAL NOT NULL,
  next_trial  INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (project, location, study_id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS study_trials (
  project  TEXT NOT NULL,
  location TEXT NOT NULL,
  study_id TEXT NOT NULL,
  trial_id INTEGER NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (project, location, study_id, trial_id),
  FOREIGN KEY (project, location, study_id) REFERENCES studies (project, location, study_id) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS study_operations (
  project      TEXT NOT NULL,
  location     TEXT NOT NULL,
  operation_id TEXT NOT NULL,
  study_id     TEXT NOT NULL,
  document     TEXT NOT NULL,
  PRIMARY KEY (project, location, operation_id),
  FOREIGN KEY (project, location, study_id) REFERENCES studies (project, location, study_id) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS study_operations_of ON study_operations (project, location, study_id);
