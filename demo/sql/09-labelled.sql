SELECT jobId, labels ->> 'reviewed' AS reviewed FROM google.ml.jobs WHERE projectsId = 'demo' AND jobId = 'digits';
