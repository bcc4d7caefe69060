SELECT * FROM google.ml.jobs WHERE projectsId = 'demo' AND jobsId = 'train_1'
----
scan                    scan_0: google.ml.jobs AS jobs, method get
  call                  GET https://ml.googleapis.com/v1/projects/demo/jobs/train_1
  pages                 one a call
  columns               jobId, state, createTime, trainingInput, labels, priority, projectsId, jobsId
  pushed                projectsId = 'demo'
  pushed                jobsId = 'train_1'
calls                   1
DuckDB                  SELECT * FROM "scan_0" AS "jobs" WHERE projectsId = 'demo' AND jobsId = 'train_1'
