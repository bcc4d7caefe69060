SELECT jobs, nextPageToken FROM google.ml.projects.jobs WHERE projectsId = 'demo'
----
scan                    scan_0: google.ml.projects.jobs AS jobs, method list
  call                  GET https://ml.googleapis.com/v1/projects/demo/jobs
  pages                 one a call
  columns               jobs, nextPageToken, projectsId
  pushed                projectsId = 'demo'
calls                   1
DuckDB                  SELECT jobs, nextPageToken FROM "scan_0" AS "jobs" WHERE projectsId = 'demo'
