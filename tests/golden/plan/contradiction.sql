SELECT jobId FROM google.ml.jobs WHERE projectsId = 'a' AND projectsId IN ('b', 'c')
----
scan                    scan_0: google.ml.jobs AS jobs, method list
  pages                 one a call
  columns               jobId, projectsId
  pushed                projectsId = 'a'
  pushed                projectsId IN ('b', 'c')
calls                   0
DuckDB                  SELECT jobId FROM "scan_0" AS "jobs" WHERE projectsId = 'a' AND projectsId IN ('b', 'c')
