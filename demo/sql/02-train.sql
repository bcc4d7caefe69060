-- Train: a real package, a real model. AWAIT comes back when the job has ended.
INSERT /*+ AWAIT */ INTO google.ml.projects.jobs (projectsId, jobId, labels, trainingInput)
SELECT 'demo', 'digits', '{"team": "vision"}', '{
  "region": "us-central1",
  "runtimeVersion": "2.11",
  "pythonVersion": "3.7",
  "packageUris": ["{{ .package }}"],
  "pythonModule": "digits.train",
  "args": ["--n-estimators", "50"],
  "jobDir": "{{ .jobdir }}"
}';
