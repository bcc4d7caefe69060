EXEC google.ml.jobs.cancel @projectsId = 'demo'
----
MissingParameter
google.ml.jobs.cancel cannot be called without jobsId
  cancel needs projectsId and jobsId (given: projectsId)
LINE 1: EXEC google.ml.jobs.cancel @projectsId = 'demo'
             ^^^^^^^^^^^^^^^^^^^^^
hint: for example: EXEC google.ml.jobs.cancel @projectsId = '…', @jobsId = '…'
