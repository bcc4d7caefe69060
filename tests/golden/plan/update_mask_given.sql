UPDATE google.ml.jobs SET labels = '{}', updateMask = 'labels.a' WHERE projectsId = 'demo' AND jobsId = 'x'
----
update                  google.ml.jobs, method patch
  call                  PATCH https://ml.googleapis.com/v1/projects/⟨projectsId⟩/jobs/⟨jobsId⟩?updateMask=⟨updateMask⟩
  body                  labels
  calls                 one a row of the source
DuckDB                  SELECT 'demo' AS "projectsId", 'x' AS "jobsId", '{}' AS "labels", 'labels.a' AS "updateMask"
