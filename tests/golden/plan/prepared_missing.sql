SELECT jobId FROM google.ml.jobs
WHERE projectsId = $nobody
----
InvalidValue
no value was given for $nobody
LINE 2: WHERE projectsId = $nobody
                           ^^^^^^^
hint: given: $1, $2, $name
