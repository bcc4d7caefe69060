SELECT a.jobId FROM google.ml.jobs a JOIN google.ml.jobs b USING (projectsId) WHERE a.projectsId = 'demo'
----
scan                    scan_0: google.ml.jobs AS a, method list
  call                  GET https://ml.googleapis.com/v1/projects/demo/jobs
  pages                 one a call
  columns               jobId, projectsId
  pushed                a.projectsId = 'demo'
scan                    scan_1: google.ml.jobs AS b, method list
  call                  GET https://ml.googleapis.com/v1/projects/demo/jobs
  pages                 one a call
  columns               projectsId
calls                   2
DuckDB                  SELECT a.jobId FROM "scan_0" a JOIN "scan_1" b USING (projectsId) WHERE a.projectsId = 'demo'
