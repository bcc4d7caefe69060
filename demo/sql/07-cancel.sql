-- Cancel it. AWAIT comes back when no process of it is left.
EXEC /*+ AWAIT */ google.ml.projects.jobs.cancel @projectsId = 'demo', @jobsId = 'endless';
