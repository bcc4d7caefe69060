"""Calls of GraphQL services as data and functions: the query of a page, its rows, how to go on.

Contract: `x-stackQL-graphQL` of provider documents. A parameter's text is escaped for a GraphQL string, so
that no value leaves its place; the documents' templates put their quotes themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from tablecloud.errors import TransformError
from tablecloud.rest.transform.gotemplate import compile_template, render
from tablecloud.rest.transform.jsonpath import find, find_token, parse_path


class Strategy(StrEnum):
    """How the next page is asked for."""

    CURSOR_AFTER = "cursor_after"
    PAGE_INFO = "page_info"
    KEYSET = "keyset"
    OFFSET = "offset"


class GraphQl(msgspec.Struct, frozen=True, omit_defaults=True):
    """One operation."""

    query: str
    """Go template over the parameters, `.cursor` and `.limit`."""
    rows: str
    """`responseSelection.jsonPath`."""
    cursor: str = ""
    """`cursor.jsonPath`."""
    strategy: Strategy = Strategy.CURSOR_AFTER
    terminate: str = ""
    """`cursor.terminateOnJsonPath`, for `page_info`."""
    format: str = ""
    """Go template of the argument, over `.value`; empty means the strategy's own."""
    page_size: int = 0
    """Rows of a full page, for `offset`; 0 where the document does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphQlPage:
    """What one answer brought."""

    rows: list[object]
    next_cursor: str | None
    """Argument text for the next query; None at the end."""


def query_body(
    operation: GraphQl, arguments: Mapping[str, object], cursor: str = "", limit: int | None = None
) -> bytes:
    """Return the JSON body that asks for one page.

    Parameters:
        operation: the document's operation.
        arguments: values of the statement's parameters, by wire name.
        cursor: argument text from the page before; empty for the first.
        limit: the statement's LIMIT, where it has one.

    Raises:
        TransformError: the query's template fails.
    """
    data: dict[str, object] = {name: _escaped(value) for name, value in arguments.items()}
    data["cursor"] = cursor
    if limit is not None:
        data["limit"] = limit
    text = render(compile_template(operation.query), data)
    return msgspec.json.encode({"query": " ".join(text.splitlines()).strip()})


def read_page(operation: GraphQl, document: object, raw: object, rows_before: int) -> GraphQlPage:
    """Return the rows of an answer and how to go on.

    Parameters:
        operation: the document's operation.
        document: the decoded answer, after its transform.
        raw: the decoded answer as it came; where there was no transform, `document` again.
        rows_before: rows of the pages before.

    Raises:
        TransformError: the answer tells of errors, or a path or template of the document fails.
    """
    _refuse_errors(raw)
    found = find(parse_path(operation.rows), document, [])
    rows = found if isinstance(found, list) else [] if found is None else [found]
    return GraphQlPage(rows=rows, next_cursor=_next(operation, document, raw, rows, rows_before))


def _next(
    operation: GraphQl, document: object, raw: object, rows: list[object], rows_before: int
) -> str | None:
    """Return the next page's argument text, None at the end."""
    if operation.strategy is Strategy.OFFSET:
        if not rows or len(rows) < operation.page_size:
            return None
        value: object = rows_before + len(rows)
        return _formatted(operation, {"value": value}, f", offset: {value}")
    if operation.strategy is Strategy.KEYSET and not rows:
        return None
    if operation.strategy is Strategy.PAGE_INFO and not _token(operation.terminate, document, raw):
        return None
    value = _token(operation.cursor, document, raw)
    if isinstance(value, list) and operation.strategy is Strategy.KEYSET:
        value = value[0] if value else None
    if value in (None, "", False) or isinstance(value, list):
        return None
    if operation.strategy is Strategy.KEYSET:
        return _formatted(operation, value if isinstance(value, dict) else {"value": value}, None)
    text = f'"{_escaped(value)}"' if isinstance(value, str) else msgspec.json.encode(value).decode()
    return _formatted(operation, {"value": value}, f", after: {text}")


def _token(path: str, document: object, raw: object) -> object:
    """Return a value from the answer after its transform, else from the answer as it came."""
    read = parse_path(path)
    found = find_token(read, document)
    return found if found not in (None, []) else find_token(read, raw)


def _formatted(operation: GraphQl, data: Mapping[str, object], otherwise: str | None) -> str:
    if operation.format:
        return render(
            compile_template(operation.format), {key: _escaped(value) for key, value in data.items()}
        )
    if otherwise is None:
        raise TransformError("a keyset cursor needs a format, and the document gives none")
    return otherwise


def _refuse_errors(raw: object) -> None:
    errors = raw.get("errors") if isinstance(raw, dict) else None
    if not errors:
        return
    entries = errors if isinstance(errors, list) else [errors]
    messages = [str(e.get("message", "")) if isinstance(e, dict) else str(e) for e in entries[:3]]
    raise TransformError(f"the GraphQL service answered: {'; '.join(messages)[:300]}")


def _escaped(value: object) -> object:
    """Return a text as the inside of a GraphQL string (its escapes are JSON's); other values as they are."""
    if not isinstance(value, str):
        return value
    return msgspec.json.encode(value.encode("utf-8", "replace").decode()).decode()[1:-1]
