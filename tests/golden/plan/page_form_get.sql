SELECT state FROM google.ml."projects.jobs" WHERE projectsId = 'demo' AND jobsId = 'a b/c'
----
scan                    scan_0: google.ml.projects.jobs AS jobs, method get
  call                  GET https://ml.googleapis.com/v1/projects/demo/jobs/a%20b%2Fc
  pages                 one a call
  columns               state, projectsId, jobsId
  pushed                projectsId = 'demo'
  pushed                jobsId = 'a b/c'
calls                   1
DuckDB                  SELECT state FROM "scan_0" AS "jobs" WHERE projectsId = 'demo' AND jobsId = 'a b/c'
