"""A script to statements. SELECT is recognised by its first word and left to DuckDB; the rest is read
here."""

from __future__ import annotations

from collections.abc import Callable

from tablecloud.errors import NotSupported, SqlError, SqlSyntaxError
from tablecloud.sql.cursor import Cursor
from tablecloud.sql.lexer import Kind, Token, split, tokenize
from tablecloud.sql.parse_mutation import parse_delete, parse_exec, parse_insert, parse_update
from tablecloud.sql.statements import (
    Describe,
    ExplainStatement,
    Malformed,
    Query,
    RegistryStatement,
    SetVariable,
    Show,
    Statement,
    Use,
)


def parse_script(text: str) -> list[Statement]:
    """Return the statements of a script, in order; spans are character offsets into `text`.

    A statement that does not parse becomes `Malformed`, whose error is raised when its turn comes: the
    statements before it still run.

    Raises:
        SqlSyntaxError: a string, a quoted name or a comment does not end, so that nothing after it can be
        read.
    """
    _check_encoding(text)
    return [_statement(text, group) for group in split(tokenize(text))]


def _check_encoding(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise SqlSyntaxError("this is not UTF-8", text=text, span=(error.start, error.end)) from None


def _statement(text: str, tokens: list[Token]) -> Statement:
    try:
        cursor = Cursor(text, tokens)
        return parse_one(cursor)
    except SqlError as error:
        return Malformed(script=text, span=(tokens[0].start, tokens[-1].end), error=error)


def parse_one(cursor: Cursor) -> Statement:
    """Return the statement that the cursor's tokens make, whole.

    Raises:
        SqlSyntaxError: they make none.
        NotSupported: a statement that this version refuses.
    """
    first = cursor.take("a statement")
    if first.is_symbol("(") or first.is_word(*_READING):
        return Query(script=cursor.script, span=cursor.span)
    word = first.value.upper() if first.kind is Kind.WORD else ""
    if word in _STATEMENTS:
        return _STATEMENTS[word](cursor)
    cursor.position -= 1
    if word in _REFUSED:
        raise NotSupported(
            f"{word} is not supported", hint=_REFUSED[word], text=cursor.script, span=first.span
        )
    raise _unknown(cursor, word)


def _unknown(cursor: Cursor, word: str) -> SqlSyntaxError:
    import difflib

    near = difflib.get_close_matches(word, [*_READING, *_STATEMENTS], n=1) if word else []
    error = cursor.error("expected a statement")
    error.hint = (
        f"did you mean {near[0]}?"
        if near
        else "statements begin with SELECT, INSERT, EXEC, SHOW and the like"
    )
    return error


def _show(cursor: Cursor) -> Show:
    extended = cursor.take_word("EXTENDED")
    what = cursor.take("PROVIDERS, SERVICES, RESOURCES, METHODS or VERSION").value.upper()
    if what not in _SHOWN:
        cursor.position -= 1
        raise cursor.error(
            "SHOW knows PROVIDERS, SERVICES, RESOURCES, METHODS and VERSION; expected one of them"
        )
    extended = cursor.take_word("EXTENDED") or extended
    name = None
    if _SHOWN[what]:
        cursor.expect_word("IN", "FROM")
        name = cursor.expect_dotted(f"the {_SHOWN[what]}")
    like = _like(cursor)
    cursor.expect_end()
    return Show(script=cursor.script, span=cursor.span, what=what, name=name, like=like, extended=extended)


def _like(cursor: Cursor) -> str | None:
    if not cursor.take_word("LIKE"):
        return None
    pattern = cursor.take("a pattern")
    if pattern.kind is not Kind.STRING:
        cursor.position -= 1
        raise cursor.error("LIKE takes a string")
    return pattern.value


def _describe(cursor: Cursor) -> Describe | Query:
    following = cursor.peek()
    if following is not None and (following.is_word(*_READING) or following.is_symbol("(")):
        return Query(script=cursor.script, span=cursor.span)
    extended = cursor.take_word("EXTENDED")
    method = _takes_method(cursor)
    extended = cursor.take_word("EXTENDED") or extended
    name = cursor.expect_dotted("the name of a resource")
    cursor.expect_end()
    return Describe(script=cursor.script, span=cursor.span, name=name, method=method, extended=extended)


def _takes_method(cursor: Cursor) -> bool:
    after = cursor.peek(1)
    return after is not None and not after.is_symbol(".") and cursor.take_word("METHOD")


def _explain(cursor: Cursor) -> ExplainStatement:
    analyze = cursor.take_word("ANALYZE", "ANALYSE")
    rest = cursor.tokens[cursor.position :]
    if not rest:
        raise cursor.error("expected a statement to explain")
    inner = Cursor(cursor.script, rest)
    inner.hints = cursor.hints
    statement = parse_one(inner)
    return ExplainStatement(script=cursor.script, span=cursor.span, statement=statement, analyze=analyze)


def _use(cursor: Cursor) -> Use:
    provider = cursor.expect_name("a provider")
    cursor.expect_end()
    return Use(script=cursor.script, span=cursor.span, provider=provider)


def _set(cursor: Cursor) -> SetVariable:
    if (following := cursor.peek(1)) and not following.is_symbol("="):
        cursor.take_word("SESSION", "GLOBAL", "LOCAL")
    name = cursor.expect_dotted("the name of a setting")
    if not cursor.take_symbol("="):
        cursor.expect_word("TO")
    word = cursor.peek()
    if word is not None and word.kind is Kind.WORD:
        value, minus = cursor.take("a value"), False
    else:
        value, minus = cursor.expect_value("a value")
    cursor.expect_end()
    return SetVariable(
        script=cursor.script, span=cursor.span, name=".".join(name.parts), value=value, minus=minus
    )


def _registry(cursor: Cursor) -> RegistryStatement:
    action = cursor.take("LIST, PULL or REMOVE").value.upper()
    if action not in ("LIST", "PULL", "REMOVE"):
        cursor.position -= 1
        raise cursor.error("REGISTRY knows LIST, PULL and REMOVE; expected one of them")
    provider = "" if action == "LIST" and cursor.done else cursor.expect_name("a provider").value
    version = ""
    if action != "LIST" and not cursor.done:
        # `v26.08.00447` is no token of SQL, so the rest of the statement is taken as it is written.
        start, end = cursor.span_until(None, "a version")
        version = cursor.script[start:end].strip("'\"")
    cursor.expect_end()
    return RegistryStatement(
        script=cursor.script, span=cursor.span, action=action, provider=provider, version=version
    )


_READING = ("SELECT", "WITH", "VALUES", "FROM", "TABLE", "PIVOT", "UNPIVOT", "SUMMARIZE")

_SHOWN = {
    "PROVIDERS": "",
    "SERVICES": "provider",
    "RESOURCES": "service",
    "METHODS": "resource",
    "VERSION": "",
}

_STATEMENTS: dict[str, Callable[[Cursor], Statement]] = {
    "INSERT": parse_insert,
    "UPDATE": parse_update,
    "REPLACE": parse_update,
    "DELETE": parse_delete,
    "EXEC": parse_exec,
    "EXECUTE": parse_exec,
    "SHOW": _show,
    "DESCRIBE": _describe,
    "DESC": _describe,
    "EXPLAIN": _explain,
    "USE": _use,
    "SET": _set,
    "REGISTRY": _registry,
}

_NO_TRANSACTIONS = "each statement takes effect at once, at the API; there is nothing to roll back"
_NO_OBJECTS = "tables are what the APIs offer; use WITH … AS (…) for a query inside a query"
_REFUSED = {
    "BEGIN": _NO_TRANSACTIONS,
    "START": _NO_TRANSACTIONS,
    "COMMIT": _NO_TRANSACTIONS,
    "ROLLBACK": _NO_TRANSACTIONS,
    "SAVEPOINT": _NO_TRANSACTIONS,
    "RELEASE": _NO_TRANSACTIONS,
    "CREATE": _NO_OBJECTS,
    "DROP": _NO_OBJECTS,
    "ALTER": _NO_OBJECTS,
    "REFRESH": _NO_OBJECTS,
    "TRUNCATE": "DELETE with a WHERE says which objects are meant",
    "COPY": "choose a format with --output and redirect it to a file",
    "AUTH": "credentials are configured with --auth; see the documentation",
    "PURGE": "nothing is kept between statements",
    "NATIVEQUERY": "a SELECT without cloud tables runs in DuckDB as it is",
    "SLEEP": "use the shell's sleep between two statements",
}
