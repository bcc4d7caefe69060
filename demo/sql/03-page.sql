-- The resource as the reference page has it: one row a page, the fields `jobs` and `nextPageToken`.
SELECT json_array_length(jobs) AS jobs_on_the_page, nextPageToken
FROM google.ml.projects.jobs
WHERE projectsId = 'demo';
