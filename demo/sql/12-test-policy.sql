EXEC google.ml.projects.jobs.testIamPermissions @projectsId = 'demo', @jobsId = 'digits'
  @@json = '{"permissions": ["ml.jobs.get", "ml.jobs.cancel"]}';
