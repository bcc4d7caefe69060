SELECT * FROM google.ml.explainers
----
NotSupported
google.ml.explainers has no method for SELECT
LINE 1: SELECT * FROM google.ml.explainers
                      ^^^^^^^^^^^^^^^^^^^^
hint: it has EXEC: explain. For example: EXEC google.ml.explainers.explain @projectsId = '…'
