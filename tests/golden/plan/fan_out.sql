SELECT count(*) FROM google.ml.jobs WHERE projectsId IN ('a', 'b', 'c', 'd', 'a') AND jobsId IN ('x', 'y')
----
scan                    scan_0: google.ml.jobs AS jobs, method get
  call                  GET https://ml.googleapis.com/v1/projects/a/jobs/x
  call                  GET https://ml.googleapis.com/v1/projects/a/jobs/y
  call                  GET https://ml.googleapis.com/v1/projects/b/jobs/x
  call                  … 5 more
  pages                 one a call
  columns               projectsId, jobsId
  pushed                projectsId IN ('a', 'b', 'c', 'd', 'a')
  pushed                jobsId IN ('x', 'y')
calls                   8
DuckDB                  SELECT count(*) FROM "scan_0" AS "jobs" WHERE projectsId IN ('a', 'b', 'c', 'd', 'a') AND jobsId IN ('x', 'y')
