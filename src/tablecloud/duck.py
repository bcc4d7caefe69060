"""The only module that imports duckdb: its parser, and its engine."""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING

from tablecloud.errors import NotSupported, SqlSyntaxError

if TYPE_CHECKING:
    import duckdb

_PARSER_LOCK = threading.Lock()


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    import duckdb

    return duckdb.connect(":memory:", config={"threads": "1"})


def parse_select(text: str) -> bytes:
    """Return DuckDB's parse tree of one SELECT (or WITH, VALUES, FROM …) as the JSON of `json_serialize_sql`.

    Locations in the tree are byte offsets into the UTF-8 of `text`.

    Raises:
        SqlSyntaxError: the text is not SQL; `span` holds character offsets into `text`.
        NotSupported: DuckDB can run it but cannot describe it, such as PIVOT.
    """
    import msgspec

    with _PARSER_LOCK:
        row = _parser().execute("SELECT json_serialize_sql(?::VARCHAR)", [text]).fetchone()
    tree: bytes = row[0].encode() if row else b"{}"
    if not tree.startswith(b'{"error":true'):
        return tree
    failure = msgspec.json.decode(tree)
    message = str(failure.get("error_message", "this is not a statement"))
    if failure.get("error_type") != "parser":
        raise _refusal(message, text)
    raise SqlSyntaxError(message, text=text, span=_error_span(text, failure))


def _refusal(message: str, text: str) -> NotSupported:
    if "Only SELECT" in message:
        return NotSupported(
            "this form of statement cannot be planned over cloud tables",
            hint="write it as a SELECT; for PIVOT, use FROM t PIVOT (…) or filtered aggregates",
            text=text,
            span=(0, len(text)),
        )
    return NotSupported(message, text=text, span=(0, len(text)))


def _error_span(text: str, failure: dict[str, str]) -> tuple[int, int]:
    encoded = text.encode()
    start = min(int(failure.get("position") or 0), len(encoded))
    location = failure.get("location", "")
    length = int(location.strip("[]").split(",")[1]) if "," in location else 1
    before = len(encoded[:start].decode(errors="ignore"))
    inside = len(encoded[start : start + length].decode(errors="ignore"))
    return (before, min(before + max(inside, 1), len(text)))
