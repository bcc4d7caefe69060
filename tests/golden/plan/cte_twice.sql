WITH j AS (SELECT * FROM google.ml.jobs WHERE projectsId = 'demo')
SELECT count(*) FROM j x JOIN j y USING (jobId)
----
scan                    scan_0: google.ml.jobs AS jobs, method list
  call                  GET https://ml.googleapis.com/v1/projects/demo/jobs
  pages                 one a call
  columns               jobId, state, createTime, trainingInput, labels, priority, projectsId
  pushed                projectsId = 'demo'
calls                   1
DuckDB                  WITH j AS (SELECT * FROM "scan_0" AS "jobs" WHERE projectsId = 'demo')
SELECT count(*) FROM j x JOIN j y USING (jobId)
