SELECT jobId FROM google.ml.jobs WHERE projectsId = 'a' UNION ALL SELECT name FROM google.storage.buckets WHERE project = 'b' ORDER BY 1 LIMIT 3
----
scan                    scan_0: google.ml.jobs AS jobs, method list
  call                  GET https://ml.googleapis.com/v1/projects/a/jobs
  pages                 one a call
  columns               jobId, projectsId
  pushed                projectsId = 'a'
scan                    scan_1: google.storage.buckets AS buckets, method list
  call                  GET https://storage.googleapis.com/b?project=b
  pages                 one a call
  columns               name, project
  pushed                project = 'b'
calls                   2
DuckDB                  SELECT jobId FROM "scan_0" AS "jobs" WHERE projectsId = 'a' UNION ALL SELECT name FROM "scan_1" AS "buckets" WHERE project = 'b' ORDER BY 1 LIMIT 3
