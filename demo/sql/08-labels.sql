-- Labels are the field of a job that can be changed.
UPDATE google.ml.projects.jobs
SET labels = '{"team": "vision", "reviewed": "yes"}'
WHERE projectsId = 'demo' AND jobsId = 'digits';
