INSERT INTO google.ml.jobs(projectsId, jobId) VALUES ('a', 'b'), ('a', 'b', 'c')
----
SqlSyntaxError
VALUES lists must all be the same length, expected 2 entries but found a list with 3 entries
LINE 1: INSERT INTO google.ml.jobs(projectsId, jobId) VALUES ('a', 'b'), ('a', 'b', 'c')
                                                                          ^^^
