UPDATE google.ml.jobs SET labels = JSON('{"a":1}'), "trainingInput.region" = upper('x') WHERE projectsId = 'demo' AND jobsId IN ('a', 'b')
----
update                  google.ml.jobs, method patch
  call                  PATCH https://ml.googleapis.com/v1/projects/⟨projectsId⟩/jobs/⟨jobsId⟩?updateMask=⟨updateMask⟩
  body                  labels, trainingInput.region
  calls                 one a row of the source
DuckDB                  SELECT 'demo' AS "projectsId", v0 AS "jobsId",     ('{"a":1}') AS "labels", upper('x') AS "trainingInput.region", 'labels,trainingInput.region' AS "updateMask" FROM (VALUES ('a'), ('b')) AS of_v0(v0)
