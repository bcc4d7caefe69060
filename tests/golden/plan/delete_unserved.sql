DELETE FROM google.ml.jobs WHERE projectsId = 'demo' AND jobsId = 'x'
----
NotSupported
google.ml.jobs has no method for DELETE
LINE 1: DELETE FROM google.ml.jobs WHERE projectsId = 'demo' AND jobsId = 'x'
                    ^^^^^^^^^^^^^^
hint: it has SELECT: get, list; INSERT: create; EXEC: cancel, patch, setIamPolicy; UPDATE: patch. For example: EXEC google.ml.jobs.cancel @projectsId = '…', @jobsId = '…'
