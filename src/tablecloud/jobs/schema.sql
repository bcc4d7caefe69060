-- The job service's one file. `statements.py` holds every other SQL text; a test keeps the lists of states and moves
-- below equal to `model.TRANSITIONS`. Times are seconds since the epoch, UTC. JSON is text.

CREATE TABLE jobs (
  uid             TEXT PRIMARY KEY,
  project         TEXT NOT NULL,
  job_id          TEXT NOT NULL,
  state           TEXT NOT NULL
                  CHECK (state IN ('QUEUED', 'PREPARING', 'RUNNING', 'CANCELLING', 'SUCCEEDED', 'FAILED', 'CANCELLED')),
  document        TEXT NOT NULL,
  labels          TEXT NOT NULL,
  labels_revision INTEGER NOT NULL DEFAULT 1,
  revision        INTEGER NOT NULL DEFAULT 1,
  priority        INTEGER NOT NULL DEFAULT 0,
  create_time     REAL NOT NULL,
  start_time      REAL,
  end_time        REAL,
  error_message   TEXT,
  reason          TEXT NOT NULL,
  attempt         INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
  executor        TEXT,
  ref             TEXT,
  token           TEXT,
  user_restarts   INTEGER NOT NULL DEFAULT 0,
  not_before      REAL,
  wait_deadline   REAL,
  run_seconds     REAL,
  run_deadline    REAL,
  cancel_reason   TEXT,
  output          TEXT,
  UNIQUE (project, job_id),
  -- endTime is what log streamers stop on: a final job has it, no other job does.
  CHECK ((end_time IS NOT NULL) = (state IN ('SUCCEEDED', 'FAILED', 'CANCELLED'))),
  CHECK (state <> 'RUNNING' OR start_time IS NOT NULL),
  CHECK (state NOT IN ('FAILED', 'CANCELLED') OR error_message IS NOT NULL),
  CHECK (state <> 'CANCELLING' OR cancel_reason IS NOT NULL),
  CHECK (state NOT IN ('PREPARING', 'RUNNING', 'CANCELLING') OR (ref IS NOT NULL AND token IS NOT NULL))
);

-- Pages of a project, newest first: the whole order is in the index, so a page costs its own rows only.
CREATE INDEX jobs_by_age ON jobs (project, create_time DESC, job_id);
CREATE INDEX jobs_queued ON jobs (project, priority DESC, create_time, uid) WHERE state = 'QUEUED';
CREATE INDEX jobs_waiting ON jobs (wait_deadline) WHERE state = 'QUEUED' AND wait_deadline IS NOT NULL;
CREATE INDEX jobs_active ON jobs (create_time) WHERE state IN ('PREPARING', 'RUNNING', 'CANCELLING');
-- Ended attempts whose external objects may still be there.
CREATE INDEX jobs_unswept ON jobs (uid) WHERE ref IS NOT NULL AND end_time IS NOT NULL;

CREATE TABLE job_events (
  job_uid    TEXT NOT NULL REFERENCES jobs (uid),
  seq        INTEGER NOT NULL,
  from_state TEXT,
  to_state   TEXT NOT NULL,
  reason     TEXT NOT NULL,
  at         REAL NOT NULL,
  actor      TEXT NOT NULL,
  PRIMARY KEY (job_uid, seq),
  CHECK (coalesce(from_state, '') || '>' || to_state IN (
    '>QUEUED',
    'QUEUED>PREPARING', 'QUEUED>CANCELLED', 'QUEUED>FAILED',
    'PREPARING>RUNNING', 'PREPARING>CANCELLING', 'PREPARING>FAILED', 'PREPARING>QUEUED',
    'RUNNING>CANCELLING', 'RUNNING>SUCCEEDED', 'RUNNING>FAILED',
    'CANCELLING>CANCELLED', 'CANCELLING>SUCCEEDED', 'CANCELLING>FAILED'))
) WITHOUT ROWID;

-- The promise of exactly one end, kept by the database itself.
CREATE UNIQUE INDEX job_events_final ON job_events (job_uid) WHERE to_state IN ('SUCCEEDED', 'FAILED', 'CANCELLED');
CREATE TRIGGER job_events_stay BEFORE UPDATE ON job_events BEGIN SELECT raise(ABORT, 'events are never changed'); END;

CREATE TABLE policies (
  resource TEXT PRIMARY KEY,
  document TEXT NOT NULL,
  revision INTEGER NOT NULL CHECK (revision > 0)
) WITHOUT ROWID;
