INSERT INTO google.storage.buckets(project, data__name)
SELECT 'p', w.n FROM (SELECT 'b1' AS n) w LEFT JOIN (SELECT name FROM google.storage.buckets WHERE project = 'p') e ON w.n = e.name WHERE e.name IS NULL
----
insert                  google.storage.buckets, method insert
  call                  POST https://storage.googleapis.com/b?project=⟨project⟩
  body                  name
  calls                 one a row of the source
scan                    scan_0: google.storage.buckets AS buckets, method list
  call                  GET https://storage.googleapis.com/b?project=p
  pages                 one a call
  columns               name, project
  pushed                project = 'p'
calls                   1
DuckDB                  SELECT 'p', w.n FROM (SELECT 'b1' AS n) w LEFT JOIN (SELECT name FROM "scan_0" AS "buckets" WHERE project = 'p') e ON w.n = e.name WHERE e.name IS NULL
