EXEC google.ml.projects.jobs.getIamPolicy @projectsId = 'demo', @jobsId = 'digits';
