-- A job that would run for an hour.
INSERT INTO google.ml.projects.jobs (projectsId, jobId, trainingInput)
SELECT 'demo', 'endless', '{
  "region": "us-central1",
  "runtimeVersion": "2.11",
  "pythonVersion": "3.7",
  "packageUris": ["{{ .package }}"],
  "pythonModule": "digits.wait"
}';
