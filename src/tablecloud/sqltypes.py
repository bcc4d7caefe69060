"""The column types, and their faces: JSON schema, Arrow, DuckDB.

Objects and arrays stay JSON text, so that drift inside them never fails a page.
"""

from __future__ import annotations

from enum import StrEnum


class SqlType(StrEnum):
    """What a column holds."""

    VARCHAR = "VARCHAR"
    BIGINT = "BIGINT"
    DOUBLE = "DOUBLE"
    BOOLEAN = "BOOLEAN"
    TIMESTAMP = "TIMESTAMP WITH TIME ZONE"
    JSON = "JSON"

    @property
    def duckdb(self) -> str:
        """Return the type's name in DuckDB."""
        return self.value


def sql_type(json_type: str, format_: str = "") -> SqlType:
    """Return the column type of a JSON schema type and format.

    Parameters:
        json_type: `string`, `integer`, `number`, `boolean`, `object`, `array` or `any`.
        format_: the schema's format, such as `int64` (a string on the wire) or `google-datetime`.
    """
    if json_type in ("object", "array", "any", ""):
        return SqlType.JSON
    if json_type == "boolean":
        return SqlType.BOOLEAN
    if json_type == "number":
        return SqlType.DOUBLE
    if json_type == "integer":
        return SqlType.BIGINT
    if format_ in ("int64", "int32", "uint32"):
        return SqlType.BIGINT
    if format_ in ("date-time", "google-datetime"):
        return SqlType.TIMESTAMP
    return SqlType.VARCHAR
