SELECT jobId FROM google.ml.jobs WHERE projectsId IN (NULL, 'a')
----
scan                    scan_0: google.ml.jobs AS jobs, method list
  call                  GET https://ml.googleapis.com/v1/projects/a/jobs
  pages                 one a call
  columns               jobId, projectsId
  pushed                projectsId IN (NULL, 'a')
calls                   1
DuckDB                  SELECT jobId FROM "scan_0" AS "jobs" WHERE projectsId IN (NULL, 'a')
