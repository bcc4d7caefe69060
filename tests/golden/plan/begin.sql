BEGIN; SELECT 1
----
NotSupported
BEGIN is not supported
LINE 1: BEGIN; SELECT 1
        ^^^^^
hint: each statement takes effect at once, at the API; there is nothing to roll back
DuckDB                  SELECT 1
