-- The trials of tuning jobs, in the job store's file. Times are seconds since the epoch, UTC. JSON is text.

CREATE TABLE IF NOT EXISTS tuning_trials (
  job_uid       TEXT NOT NULL REFERENCES jobs (uid),
  trial_id      INTEGER NOT NULL CHECK (trial_id > 0),
  state         TEXT NOT NULL
                CHECK (state IN ('PREPARING', 'RUNNING', 'CANCELLING', 'SUCCEEDED', 'FAILED', 'CANCELLED')),
  assignment    TEXT NOT NULL,
  attempt       INTEGER NOT NULL CHECK (attempt > 0),
  token         TEXT NOT NULL,
  ref           TEXT,
  user_restarts INTEGER NOT NULL DEFAULT 0,
  not_before    REAL,
  start_time    REAL,
  end_time      REAL,
  stopping      TEXT CHECK (stopping IN ('early', 'job')),
  stopped_early INTEGER NOT NULL DEFAULT 0,
  error_message TEXT,
  PRIMARY KEY (job_uid, trial_id),
  CHECK ((end_time IS NOT NULL) = (state IN ('SUCCEEDED', 'FAILED', 'CANCELLED'))),
  CHECK (state <> 'CANCELLING' OR stopping IS NOT NULL)
) WITHOUT ROWID;

-- What trials reported. The same report is read more than once, before and after a crash.
CREATE TABLE IF NOT EXISTS tuning_metrics (
  job_uid  TEXT NOT NULL,
  trial_id INTEGER NOT NULL,
  step     INTEGER NOT NULL,
  at       REAL NOT NULL,
  value    REAL NOT NULL,
  PRIMARY KEY (job_uid, trial_id, step, at),
  FOREIGN KEY (job_uid, trial_id) REFERENCES tuning_trials (job_uid, trial_id)
) WITHOUT ROWID;
