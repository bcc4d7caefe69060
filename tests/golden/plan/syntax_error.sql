SELECT '名前', FROM google.ml.jobs WHERE
----
SqlSyntaxError
syntax error at or near "WHERE"
LINE 1: SELECT '名前', FROM google.ml.jobs WHERE
                                           ^^^^^
