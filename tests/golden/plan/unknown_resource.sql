SELECT * FROM google.ml.job
----
UnknownResource
there is no resource google.ml.job
