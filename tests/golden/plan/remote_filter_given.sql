SELECT jobId FROM google.ml.jobs WHERE projectsId = 'demo' AND state = 'FAILED' AND filter = 'jobId:x*'
----
scan                    scan_0: google.ml.jobs AS jobs, method list
  call                  GET https://ml.googleapis.com/v1/projects/demo/jobs?filter=jobId%3Ax%2A
  pages                 one a call
  columns               jobId, state, projectsId, filter
  pushed                projectsId = 'demo'
  filtered here         state = 'FAILED'
  pushed                filter = 'jobId:x*'
calls                   1
DuckDB                  SELECT jobId FROM "scan_0" AS "jobs" WHERE projectsId = 'demo' AND state = 'FAILED' AND filter = 'jobId:x*'
