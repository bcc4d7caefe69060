-- The same resource as a table: one row a job, every field a column.
SELECT jobId, state, createTime, endTime, labels
FROM google.ml.jobs
WHERE projectsId = 'demo';
