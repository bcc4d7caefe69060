-- Who may do what with this job.
EXEC google.ml.projects.jobs.setIamPolicy @projectsId = 'demo', @jobsId = 'digits'
  @@json = '{"policy": {"bindings": [{"role": "roles/ml.viewer", "members": ["user:ann@example.com"]}]}}';
