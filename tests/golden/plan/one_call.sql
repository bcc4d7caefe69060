select jobId, state from google.ml.jobs where projectsId = 'demo'
----
scan                    scan_0: google.ml.jobs AS jobs, method list
  call                  GET https://ml.googleapis.com/v1/projects/demo/jobs
  pages                 one a call
  columns               jobId, state, projectsId
  pushed                projectsId = 'demo'
calls                   1
DuckDB                  select jobId, state from "scan_0" AS "jobs" where projectsId = 'demo'
