SELECT jobId FROM google.ml.jobs WHERE (projectsId = 'a' OR 'b' = projectsId)
----
scan                    scan_0: google.ml.jobs AS jobs, method list
  call                  GET https://ml.googleapis.com/v1/projects/a/jobs
  call                  GET https://ml.googleapis.com/v1/projects/b/jobs
  pages                 one a call
  columns               jobId, projectsId
  pushed                projectsId = 'a' OR 'b' = projectsId
calls                   2
DuckDB                  SELECT jobId FROM "scan_0" AS "jobs" WHERE (projectsId = 'a' OR 'b' = projectsId)
