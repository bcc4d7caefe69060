SELECT b.name, o.name FROM google.storage.objects o LEFT JOIN google.storage.buckets b ON o.bucket = b.name WHERE b.project = 'p'
----
MissingParameter
google.storage.objects cannot be called without bucket
  list needs bucket
LINE 1: SELECT b.name, o.name FROM google.storage.objects o LEFT JOIN google.storage.buckets b ON o.bucket = b.name WH…
                                   ^^^^^^^^^^^^^^^^^^^^^^
hint: o.bucket = b.name cannot give bucket a value: the outer join keeps rows that fail it
for example: SELECT * FROM google.storage.objects WHERE bucket = '…'
