SELECT max(priority) FROM google.ml.jobs WHERE projectsId = 'demo' LIMIT 1
----
scan                    scan_0: google.ml.jobs AS jobs, method list
  call                  GET https://ml.googleapis.com/v1/projects/demo/jobs
  pages                 one a call
  columns               priority, projectsId
  pushed                projectsId = 'demo'
calls                   1
DuckDB                  SELECT max(priority) FROM "scan_0" AS "jobs" WHERE projectsId = 'demo' LIMIT 1
