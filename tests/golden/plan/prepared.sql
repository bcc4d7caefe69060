SELECT jobId FROM google.ml.jobs WHERE projectsId = $1 AND jobsId = $name
----
NotSupported
Mixing named and positional parameters is not supported yet
LINE 1: SELECT jobId FROM google.ml.jobs WHERE projectsId = $1 AND jobsId = $name
        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
