SELECT state FROM google.ml.jobs WHERE projectsId = 'demo' AND jobsId = 'endless';
