SELECT b.name FROM google.storage.buckets b
WHERE b.project = 'p' AND EXISTS (SELECT 1 FROM google.storage.objects o WHERE o.bucket = b.name AND o.name = 'x')
----
scan                    scan_0: google.storage.buckets AS b, method list
  call                  GET https://storage.googleapis.com/b?project=p
  pages                 one a call
  columns               name, project
  pushed                b.project = 'p'
  filtered here         EXISTS (SELECT 1 FROM google.storage.objects o WHERE o.bucket = b.name AND o.name = 'x')
scan                    scan_1: google.storage.objects AS o, method list
  call                  GET https://storage.googleapis.com/b/⟨bucket⟩/o
  for each              bucket in scan_0: CASE WHEN ("scan_0"."project" = 'p') THEN "scan_0"."name" END
  pages                 one a call
  columns               name, bucket
  pushed, checked here  o.bucket = b.name
  filtered here         o.name = 'x'
calls                   1, and those of scan_1, which depend on rows
DuckDB                  SELECT b.name FROM "scan_0" b
WHERE b.project = 'p' AND EXISTS (SELECT 1 FROM "scan_1" o WHERE o.bucket = b.name AND o.name = 'x')
