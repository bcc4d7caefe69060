INSERT INTO google.ml.jobs(projectsId, jobbId) VALUES ('a', 'b')
----
UnknownColumn
create of google.ml.jobs takes no jobbId
LINE 1: INSERT INTO google.ml.jobs(projectsId, jobbId) VALUES ('a', 'b')
                                               ^^^^^^
hint: did you mean jobId?
