SELECT o.name FROM google.storage.objects o
JOIN google.storage.buckets b ON o.bucket = b.name
JOIN google.crm.projects p ON p.id = b.project
----
scan                    scan_2: google.crm.projects AS p, method list
  call                  GET https://crm.googleapis.com/v1/projects
  pages                 one a call
  columns               id
  filtered here         p.id = b.project
scan                    scan_1: google.storage.buckets AS b, method list
  call                  GET https://storage.googleapis.com/b?project=⟨project⟩
  for each              project in scan_2: "scan_2"."id"
  pages                 one a call
  columns               name, project
  filtered here         o.bucket = b.name
  pushed, checked here  p.id = b.project
scan                    scan_0: google.storage.objects AS o, method list
  call                  GET https://storage.googleapis.com/b/⟨bucket⟩/o
  for each              bucket in scan_1: "scan_1"."name"
  pages                 one a call
  columns               name, bucket
  pushed, checked here  o.bucket = b.name
calls                   1, and those of scan_1, scan_0, which depend on rows
DuckDB                  SELECT o.name FROM "scan_0" o
JOIN "scan_1" b ON o.bucket = b.name
JOIN "scan_2" p ON p.id = b.project
