UPDATE google.ml.jobs j SET priority = j.priority + ? WHERE projectsId = ? AND state = 'FAILED'
----
update                  google.ml.jobs, method patch
  call                  PATCH https://ml.googleapis.com/v1/projects/⟨projectsId⟩/jobs/⟨jobsId⟩?updateMask=⟨updateMask⟩
  body                  priority
  calls                 one a row of the source
scan                    scan_0: google.ml.jobs AS j, method list
  call                  GET https://ml.googleapis.com/v1/projects/2/jobs?filter=state%20%3D%20%22FAILED%22
  pages                 one a call
  columns               jobId, state, priority, projectsId
  pushed                projectsId = $2
  pushed, checked here  state = 'FAILED'
calls                   1
DuckDB                  SELECT 2 AS "projectsId", "j"."jobId" AS "jobsId", j.priority + $1 AS "priority", 'priority' AS "updateMask" FROM "scan_0" AS "j" WHERE (projectsId = $2) AND (state = 'FAILED')
