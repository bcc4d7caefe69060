SELECT * FROM google.ml.jobs WHERE projectsId LIKE 'de%'
----
MissingParameter
google.ml.jobs cannot be called without projectsId
  get needs projectsId and jobsId
  list needs projectsId
LINE 1: SELECT * FROM google.ml.jobs WHERE projectsId LIKE 'de%'
                      ^^^^^^^^^^^^^^
hint: projectsId LIKE 'de%' does not give projectsId a value: only =, IN and a join on it do
for example: SELECT * FROM google.ml.jobs WHERE projectsId = '…'
