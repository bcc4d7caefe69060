SELECT state FROM google.ml.projects.jobs WHERE projectsId = 'demo'
----
UnknownColumn
google.ml.projects.jobs, called by list, has no column state
LINE 1: SELECT state FROM google.ml.projects.jobs WHERE projectsId = 'demo'
               ^^^^^
hint: google.ml.projects.jobs has one row a page; state is a column of google.ml.jobs, which has one row an item
