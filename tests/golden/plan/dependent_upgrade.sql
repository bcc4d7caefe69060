SELECT j.jobId, i.state FROM google.ml.jobs j JOIN google.ml.jobs i ON i.jobsId = j.jobId AND i.projectsId = j.projectsId
WHERE j.projectsId = 'demo'
----
scan                    scan_0: google.ml.jobs AS j, method list
  call                  GET https://ml.googleapis.com/v1/projects/demo/jobs
  pages                 one a call
  columns               jobId, projectsId
  filtered here         i.jobsId = j.jobId
  filtered here         i.projectsId = j.projectsId
  pushed                j.projectsId = 'demo'
scan                    scan_1: google.ml.jobs AS i, method get
  call                  GET https://ml.googleapis.com/v1/projects/demo/jobs/⟨jobsId⟩
  for each              jobsId in scan_0: CASE WHEN ("scan_0"."projectsId" = 'demo') THEN "scan_0"."jobId" END
  pages                 one a call
  columns               state, projectsId, jobsId
  pushed, checked here  i.jobsId = j.jobId
  filtered here         i.projectsId = j.projectsId
calls                   1, and those of scan_1, which depend on rows
DuckDB                  SELECT j.jobId, i.state FROM "scan_0" j JOIN "scan_1" i ON i.jobsId = j.jobId AND i.projectsId = j.projectsId
WHERE j.projectsId = 'demo'
