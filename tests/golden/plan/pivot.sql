PIVOT google.ml.jobs ON state USING count(*)
----
NotSupported
this form of statement cannot be planned over cloud tables
LINE 1: PIVOT google.ml.jobs ON state USING count(*)
        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
hint: write it as a SELECT; for PIVOT, use FROM t PIVOT (…) or filtered aggregates
