SELECT jobId FROM google.ml.jobs WHERE (projectsId = 'a' OR state = 'RUNNING')
----
MissingParameter
google.ml.jobs cannot be called without projectsId
  get needs projectsId and jobsId
  list needs projectsId
LINE 1: SELECT jobId FROM google.ml.jobs WHERE (projectsId = 'a' OR state = 'RUNNING')
                          ^^^^^^^^^^^^^^
hint: projectsId = 'a' OR state = 'RUNNING' does not give projectsId a value: only =, IN and a join on it do
for example: SELECT * FROM google.ml.jobs WHERE projectsId = '…'
