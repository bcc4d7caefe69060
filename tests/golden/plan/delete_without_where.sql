DELETE FROM google.storage.objects
----
MissingParameter
google.storage.objects cannot be called without bucket and objectsId
  delete needs bucket and objectsId
LINE 1: DELETE FROM google.storage.objects
                    ^^^^^^^^^^^^^^^^^^^^^^
hint: for example: DELETE FROM google.storage.objects WHERE bucket = '…' AND objectsId = '…'
