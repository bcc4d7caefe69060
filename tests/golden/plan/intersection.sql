SELECT jobId FROM google.ml.jobs WHERE projectsId IN ('a', 'b') AND projectsId IN ('b', 'c')
----
scan                    scan_0: google.ml.jobs AS jobs, method list
  call                  GET https://ml.googleapis.com/v1/projects/b/jobs
  pages                 one a call
  columns               jobId, projectsId
  pushed                projectsId IN ('a', 'b')
  pushed                projectsId IN ('b', 'c')
calls                   1
DuckDB                  SELECT jobId FROM "scan_0" AS "jobs" WHERE projectsId IN ('a', 'b') AND projectsId IN ('b', 'c')
