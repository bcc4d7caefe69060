SELECT * FROM (VALUES (1), (2)) v(n), information_schema.tables WHERE n = 1
----
DuckDB                  SELECT * FROM (VALUES (1), (2)) v(n), information_schema.tables WHERE n = 1
