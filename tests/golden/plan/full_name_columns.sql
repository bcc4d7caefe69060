SELECT google.ml.jobs.state, ml.jobs.jobId, jobs.priority FROM google.ml.jobs WHERE google.ml.jobs.projectsId = 'ü'
----
scan                    scan_0: google.ml.jobs AS jobs, method list
  call                  GET https://ml.googleapis.com/v1/projects/%C3%BC/jobs
  pages                 one a call
  columns               jobId, state, priority, projectsId
  pushed                google.ml.jobs.projectsId = 'ü'
calls                   1
DuckDB                  SELECT "jobs"."state", "jobs"."jobId", jobs.priority FROM "scan_0" AS "jobs" WHERE "jobs"."projectsId" = 'ü'
