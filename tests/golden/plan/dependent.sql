SELECT p.id, j.jobId FROM google.crm.projects p JOIN google.ml.jobs j ON j.projectsId = p.id
WHERE p.state = 'ACTIVE' AND j.state = 'RUNNING'
----
scan                    scan_0: google.crm.projects AS p, method list
  call                  GET https://crm.googleapis.com/v1/projects
  pages                 one a call
  columns               id, state
  filtered here         j.projectsId = p.id
  filtered here         p.state = 'ACTIVE'
scan                    scan_1: google.ml.jobs AS j, method list
  call                  GET https://ml.googleapis.com/v1/projects/⟨projectsId⟩/jobs?filter=state%20%3D%20%22RUNNING%22
  for each              projectsId in scan_0: CASE WHEN ("scan_0"."state" = 'ACTIVE') THEN "scan_0"."id" END
  pages                 one a call
  columns               jobId, state, projectsId
  pushed, checked here  j.projectsId = p.id
  pushed, checked here  j.state = 'RUNNING'
calls                   1, and those of scan_1, which depend on rows
DuckDB                  SELECT p.id, j.jobId FROM "scan_0" p JOIN "scan_1" j ON j.projectsId = p.id
WHERE p.state = 'ACTIVE' AND j.state = 'RUNNING'
