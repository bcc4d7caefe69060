SELECT jobId, jobsId FROM google.ml.jobs WHERE projectsId = 'demo'
----
UnknownColumn
jobsId is a parameter of google.ml.jobs that the statement gives no value
LINE 1: SELECT jobId, jobsId FROM google.ml.jobs WHERE projectsId = 'demo'
                      ^^^^^^
hint: its rows have it as jobId
