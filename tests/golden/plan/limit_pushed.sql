SELECT lower(jobId), labels ->> 'team' FROM google.ml.jobs WHERE projectsId = 'demo' LIMIT 10 OFFSET $2
----
scan                    scan_0: google.ml.jobs AS jobs, method list
  call                  GET https://ml.googleapis.com/v1/projects/demo/jobs
  pages                 one a call
  columns               jobId, labels, projectsId
  pushed                projectsId = 'demo'
  limit                 paging stops after 12 rows
calls                   1
DuckDB                  SELECT lower(jobId), labels ->> 'team' FROM "scan_0" AS "jobs" WHERE projectsId = 'demo' LIMIT 10 OFFSET $2
