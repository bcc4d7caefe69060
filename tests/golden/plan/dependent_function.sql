SELECT j.jobId FROM google.crm.projects p, google.ml.jobs j WHERE j.projectsId = split_part(p.id, '/', $2)
----
scan                    scan_0: google.crm.projects AS p, method list
  call                  GET https://crm.googleapis.com/v1/projects
  pages                 one a call
  columns               id
  filtered here         j.projectsId = split_part(p.id, '/', $2)
scan                    scan_1: google.ml.jobs AS j, method list
  call                  GET https://ml.googleapis.com/v1/projects/⟨projectsId⟩/jobs
  for each              projectsId in scan_0: split_part("scan_0"."id", '/', 2)
  pages                 one a call
  columns               jobId, projectsId
  pushed, checked here  j.projectsId = split_part(p.id, '/', $2)
calls                   1, and those of scan_1, which depend on rows
DuckDB                  SELECT j.jobId FROM "scan_0" p, "scan_1" j WHERE j.projectsId = split_part(p.id, '/', $2)
