EXEC google.ml.jobs.setIamPolicy @projectsId = 'demo' @jobsId = 'x' @@json = '{"policy": {}, "updateMsk": "a"}'
----
InvalidValue
the body of google.ml.jobs.setIamPolicy has no field updateMsk
LINE 1: …XEC google.ml.jobs.setIamPolicy @projectsId = 'demo' @jobsId = 'x' @@json = '{"policy": {}, "updateMsk": "a"}'
                                                                                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
hint: did you mean updateMask?
