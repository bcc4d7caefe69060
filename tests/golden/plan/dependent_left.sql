SELECT b.name, o.name FROM google.storage.buckets b LEFT JOIN google.storage.objects o ON o.bucket = b.name WHERE b.project = 'p'
----
scan                    scan_0: google.storage.buckets AS b, method list
  call                  GET https://storage.googleapis.com/b?project=p
  pages                 one a call
  columns               name, project
  pushed                b.project = 'p'
scan                    scan_1: google.storage.objects AS o, method list
  call                  GET https://storage.googleapis.com/b/⟨bucket⟩/o
  for each              bucket in scan_0: CASE WHEN ("scan_0"."project" = 'p') THEN "scan_0"."name" END
  pages                 one a call
  columns               name, bucket
  pushed, checked here  o.bucket = b.name
calls                   1, and those of scan_1, which depend on rows
DuckDB                  SELECT b.name, o.name FROM "scan_0" b LEFT JOIN "scan_1" o ON o.bucket = b.name WHERE b.project = 'p'
