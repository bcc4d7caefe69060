SELECT state FROM google.ml.jobs j JOIN google.crm.projects p ON j.projectsId = p.id
----
AmbiguousColumn
state is a column of more than one table
LINE 1: SELECT state FROM google.ml.jobs j JOIN google.crm.projects p ON j.projectsId = p.id
               ^^^^^
hint: write j.state or p.state
