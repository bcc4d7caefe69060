SELECT jobId FROM google.ml.jobs
WHERE projectsId = 'demo' AND state <> 'FAILED' AND jobId = 'a"b\c' AND createTime >= TIMESTAMP '2024-01-01' AND '2025-01-01T00:00:00+02:00' > createTime
----
scan                    scan_0: google.ml.jobs AS jobs, method list
  call                  GET https://ml.googleapis.com/v1/projects/demo/jobs?filter=state%20%21%3D%20%22FAILED%22%20AND%20jobId%20%3D%20%22a%5C%22b%5C%5Cc%22%20AND%20createTime%20%3E%3D%20%222024-01-01T00%3A00%3A00Z%22%20AND%20createTime%20%3C%20%222024-12-31T22%3A00%3A00Z%22
  pages                 one a call
  columns               jobId, state, createTime, projectsId
  pushed                projectsId = 'demo'
  pushed, checked here  state <> 'FAILED'
  pushed, checked here  jobId = 'a"b\c'
  pushed, checked here  createTime >= TIMESTAMP '2024-01-01'
  pushed, checked here  '2025-01-01T00:00:00+02:00' > createTime
calls                   1
DuckDB                  SELECT jobId FROM "scan_0" AS "jobs"
WHERE projectsId = 'demo' AND state <> 'FAILED' AND jobId = 'a"b\c' AND createTime >= TIMESTAMP '2024-01-01' AND '2025-01-01T00:00:00+02:00' > createTime
