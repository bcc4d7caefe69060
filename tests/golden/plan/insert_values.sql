INSERT /*+ AWAIT */ INTO google.ml.jobs(projectsId, jobId, labels, "data__trainingInput.region")
VALUES ('demo', 'one', string('{"a":1}'), 'us'), ('demo', 'two', NULL, 'eu')
RETURNING jobId, state
----
insert                  google.ml.jobs, method create
  call                  POST https://ml.googleapis.com/v1/projects/⟨projectsId⟩/jobs
  body                  jobId, labels, trainingInput.region
  calls                 one a row of the source
  await                 each call is followed to its end
  returning             jobId, state
DuckDB                  VALUES ('demo', 'one',       ('{"a":1}'), 'us'), ('demo', 'two', NULL, 'eu')
