SELECT jobId,
	stat FROM google.ml.jobs WHERE projectsId = 'demo'
----
UnknownColumn
google.ml.jobs has no column stat
LINE 2:  stat FROM google.ml.jobs WHERE projectsId = 'demo'
         ^^^^
hint: did you mean state?
