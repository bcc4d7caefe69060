EXEC google.ml.jobs.cancel @projectsId = 'demo', @jobsId = $name
----
exec                    google.ml.jobs, method cancel
  call                  POST https://ml.googleapis.com/v1/projects/demo/jobs/it%27s:cancel
calls                   1
