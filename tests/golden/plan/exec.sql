EXEC /*+ AWAIT */ google.ml.jobs.setIamPolicy @projectsId = 'demo', @jobsId = 'x'
----
NotSupported
google.ml.jobs.setIamPolicy begins nothing that can be waited for
LINE 1: EXEC /*+ AWAIT */ google.ml.jobs.setIamPolicy @projectsId = 'demo', @jobsId = 'x'
                          ^^^^^^^^^^^^^^^^^^^^^^^^^^^
hint: leave out AWAIT
