DELETE FROM google.storage.objects WHERE bucket IN ('a', 'b') AND objectsId = 'x/y'
----
delete                  google.storage.objects, method delete
  call                  DELETE https://storage.googleapis.com/b/⟨bucket⟩/o/⟨objectsId⟩
  calls                 one a row of the source
DuckDB                  SELECT v0 AS "bucket", 'x/y' AS "objectsId" FROM (VALUES ('a'), ('b')) AS of_v0(v0)
