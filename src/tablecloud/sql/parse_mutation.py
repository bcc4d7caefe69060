"""The statements that write: INSERT, UPDATE, REPLACE, DELETE and EXEC. Expressions inside stay spans for
DuckDB."""

from __future__ import annotations

from tablecloud.catalog.model import Verb
from tablecloud.errors import SqlSyntaxError
from tablecloud.sql.cursor import Cursor
from tablecloud.sql.lexer import Kind, Token
from tablecloud.sql.statements import Argument, Assignment, Insert, Invoke, Modify, Name, Span


def parse_insert(cursor: Cursor) -> Insert:
    """Return `INSERT INTO target (columns) VALUES … | SELECT … [RETURNING …]`, its first word taken."""
    cursor.expect_word("INTO")
    target = cursor.expect_dotted("the name of a resource")
    columns = _columns(cursor)
    returning_at = cursor.find("RETURNING")
    source = cursor.span_until(returning_at, "VALUES or SELECT")
    return Insert(
        script=cursor.script,
        span=cursor.span,
        target=target,
        columns=columns,
        source=source,
        returning=_returning(cursor),
        hints=cursor.hints,
    )


def _columns(cursor: Cursor) -> tuple[Token, ...]:
    if not cursor.take_symbol("("):
        error = cursor.error("expected a list of columns in parentheses")
        error.hint = "INSERT INTO target (column, …) VALUES (…)"
        raise error
    columns = [cursor.expect_name("a column")]
    while cursor.take_symbol(","):
        columns.append(cursor.expect_name("a column"))
    cursor.expect_symbol(")")
    _refuse_twice(cursor, columns)
    return tuple(columns)


def _refuse_twice(cursor: Cursor, columns: list[Token]) -> None:
    seen: set[str] = set()
    for column in columns:
        if column.value.casefold() in seen:
            raise SqlSyntaxError(f"{column.value} stands here twice", text=cursor.script, span=column.span)
        seen.add(column.value.casefold())


def _returning(cursor: Cursor) -> Span | None:
    if not cursor.take_word("RETURNING"):
        cursor.expect_end()
        return None
    return cursor.span_until(None, "what to return")


def parse_update(cursor: Cursor) -> Modify:
    """Return `UPDATE | REPLACE target SET … [WHERE …] [RETURNING …]`, its first word taken."""
    verb = Verb(cursor.tokens[cursor.position - 1].value.upper())
    target = cursor.expect_dotted("the name of a resource")
    alias = _alias(cursor)
    cursor.expect_word("SET")
    assignments = [_assignment(cursor)]
    while cursor.take_symbol(","):
        assignments.append(_assignment(cursor))
    _refuse_twice(cursor, [assignment.column for assignment in assignments])
    return _modify(cursor, verb, target, alias, tuple(assignments))


def parse_delete(cursor: Cursor) -> Modify:
    """Return `DELETE FROM target [WHERE …] [RETURNING …]`, its first word taken."""
    cursor.expect_word("FROM")
    target = cursor.expect_dotted("the name of a resource")
    return _modify(cursor, Verb.DELETE, target, _alias(cursor), ())


def _modify(
    cursor: Cursor, verb: Verb, target: Name, alias: str, assignments: tuple[Assignment, ...]
) -> Modify:
    where = None
    if cursor.take_word("WHERE"):
        where = cursor.span_until(cursor.find("RETURNING"), "a condition")
    returning = _returning(cursor)
    return Modify(
        script=cursor.script,
        span=cursor.span,
        verb=verb,
        target=target,
        alias=alias,
        assignments=assignments,
        where=where,
        returning=returning,
        hints=cursor.hints,
    )


def _alias(cursor: Cursor) -> str:
    if cursor.take_word("AS"):
        return cursor.expect_name("an alias").value
    token = cursor.peek()
    if token is None or not token.is_name or token.is_word("SET", "WHERE", "RETURNING"):
        return ""
    return cursor.take("an alias").value


def _assignment(cursor: Cursor) -> Assignment:
    column = cursor.expect_name("a column")
    # `a.b = …` without quotes is the nested field a.b.
    while cursor.take_symbol("."):
        part = cursor.expect_name("a name after the dot")
        column = Token(Kind.QUOTED, f"{column.value}.{part.value}", column.start, part.end)
    cursor.expect_symbol("=")
    return Assignment(column=column, value=cursor.span_until(_assignment_end(cursor), "a value"))


def _assignment_end(cursor: Cursor) -> int | None:
    """Return the index of the comma, WHERE or RETURNING that ends an expression; None where nothing does."""
    depth = 0
    keyword = cursor.find("WHERE", "RETURNING")
    for index in range(cursor.position, len(cursor.tokens) if keyword is None else keyword):
        token = cursor.tokens[index]
        if token.kind is not Kind.SYMBOL:
            continue
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(token.value, 0)
        if depth == 0 and token.value == ",":
            return index
    return keyword


def parse_exec(cursor: Cursor) -> Invoke:
    """Return `EXEC resource.method [@a = v, …] [@@json = '{…}']`, its first word taken; commas are
    optional."""
    target = cursor.expect_dotted("the name of a method")
    arguments: list[Argument] = []
    payload: Token | None = None
    while not cursor.done:
        token = cursor.take("an argument")
        if token.kind is Kind.AT:
            arguments.append(_argument(cursor, token))
        elif token.kind is Kind.PAYLOAD and payload is None:
            payload = _payload(cursor)
        else:
            cursor.position -= 1
            error = cursor.error("expected an argument")
            error.hint = "EXEC resource.method @name = 'value', @@json = '{…}'"
            raise error
        if cursor.take_symbol(",") and cursor.done:
            raise cursor.error("expected an argument")
    _refuse_twice(cursor, [argument.name for argument in arguments])
    return Invoke(
        script=cursor.script,
        span=cursor.span,
        target=target,
        arguments=tuple(arguments),
        payload=payload,
        hints=cursor.hints,
    )


def _argument(cursor: Cursor, name: Token) -> Argument:
    cursor.expect_symbol("=")
    value, minus = cursor.expect_value("a value")
    return Argument(name=name, value=value, minus=minus)


def _payload(cursor: Cursor) -> Token:
    cursor.expect_symbol("=")
    token = cursor.take("a JSON object")
    if token.kind not in (Kind.STRING, Kind.PARAMETER):
        cursor.position -= 1
        raise cursor.error("the body is a JSON object in a string: expected '{…}'")
    return token
