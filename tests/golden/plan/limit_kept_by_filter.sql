SELECT jobId FROM google.ml.jobs WHERE projectsId = 'demo' AND state = 'RUNNING' LIMIT 10
----
scan                    scan_0: google.ml.jobs AS jobs, method list
  call                  GET https://ml.googleapis.com/v1/projects/demo/jobs?filter=state%20%3D%20%22RUNNING%22
  pages                 one a call
  columns               jobId, state, projectsId
  pushed                projectsId = 'demo'
  pushed, checked here  state = 'RUNNING'
calls                   1
DuckDB                  SELECT jobId FROM "scan_0" AS "jobs" WHERE projectsId = 'demo' AND state = 'RUNNING' LIMIT 10
