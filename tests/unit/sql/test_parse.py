from __future__ import annotations

import pytest

from tablecloud.catalog.model import Verb
from tablecloud.errors import NotSupported, SqlSyntaxError
from tablecloud.sql.parse import parse_script
from tablecloud.sql.statements import (
    Describe,
    ExplainStatement,
    Insert,
    Invoke,
    Malformed,
    Modify,
    Query,
    RegistryStatement,
    SetVariable,
    Show,
    Statement,
    Use,
)


def _one(text: str) -> Statement:
    (statement,) = parse_script(text)
    return statement


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "with a as (select 1) from a",
        "VALUES (1)",
        "FROM t",
        "(SELECT 1)",
        "describe select 1",
        "PIVOT t ON x",
    ],
)
def test_what_reads_is_a_query(text: str) -> None:
    assert isinstance(_one(text), Query)


def test_insert() -> None:
    text = '/* c */ INSERT /*+ AWAIT */ INTO a."b.c"(x, "data__y.z") SELECT \'returning\' RETURNING x, y'
    found = _one(text)
    assert isinstance(found, Insert)
    assert found.target.parts == ("a", "b.c")
    assert [column.value for column in found.columns] == ["x", "data__y.z"]
    assert text[slice(*found.source)] == "SELECT 'returning'"
    assert found.returning is not None
    assert text[slice(*found.returning)] == "x, y"
    assert found.hints == {"AWAIT"}


def test_update() -> None:
    text = "UPDATE a.b AS t SET x = f(1, 2), y.z = (SELECT 1 WHERE true) WHERE t.k = 1 RETURNING *"
    found = _one(text)
    assert isinstance(found, Modify)
    assert (found.verb, found.alias) == (Verb.UPDATE, "t")
    assert [(each.column.value, text[slice(*each.value)]) for each in found.assignments] == [
        ("x", "f(1, 2)"),
        ("y.z", "(SELECT 1 WHERE true)"),
    ]
    assert found.where is not None
    assert text[slice(*found.where)] == "t.k = 1"


def test_delete_and_replace() -> None:
    delete, replace = parse_script("DELETE FROM a.b WHERE x = 1; REPLACE a.b SET x = 1")
    assert isinstance(delete, Modify)
    assert isinstance(replace, Modify)
    assert (delete.verb, delete.assignments) == (Verb.DELETE, ())
    assert (replace.verb, replace.where) == (Verb.REPLACE, None)


@pytest.mark.parametrize("comma", [",", ""])
def test_exec_takes_arguments_with_or_without_commas(comma: str) -> None:
    found = _one(f"EXEC /*+ SHOWRESULTS */ a.b.c @x = 'v'{comma} @y = -2{comma} @@json = '{{}}'")
    assert isinstance(found, Invoke)
    assert found.target.parts == ("a", "b", "c")
    assert [(each.name.value, each.value.value, each.minus) for each in found.arguments] == [
        ("x", "v", False),
        ("y", "2", True),
    ]
    assert found.payload is not None
    assert found.hints == {"SHOWRESULTS"}


def test_question_marks_are_numbered_in_a_statement() -> None:
    found = _one("EXEC a.b.c @x = ?, @y = ?")
    assert isinstance(found, Invoke)
    assert [each.value.value for each in found.arguments] == ["$1", "$2"]


@pytest.mark.parametrize(
    ("text", "what", "name", "like", "extended"),
    [
        ("SHOW PROVIDERS", "PROVIDERS", None, None, False),
        ("show extended services in google like 'm%'", "SERVICES", ("google",), "m%", True),
        ("SHOW RESOURCES FROM google.ml", "RESOURCES", ("google", "ml"), None, False),
        ("SHOW METHODS IN google.ml.jobs", "METHODS", ("google", "ml", "jobs"), None, False),
        ("SHOW VERSION", "VERSION", None, None, False),
    ],
)
def test_show(text: str, what: str, name: tuple[str, ...] | None, like: str | None, extended: bool) -> None:
    found = _one(text)
    assert isinstance(found, Show)
    assert (found.what, found.name.parts if found.name else None) == (what, name)
    assert (found.like, found.extended) == (like, extended)


@pytest.mark.parametrize(
    ("text", "method", "extended"),
    [
        ("DESCRIBE a.b.c", False, False),
        ("DESC EXTENDED a.b.c", False, True),
        ("DESCRIBE METHOD a.b.c.d", True, False),
        ("DESCRIBE METHOD EXTENDED a.b.c.d", True, True),
        ("DESCRIBE EXTENDED METHOD a.b.c.d", True, True),
        ("DESCRIBE method.b.c", False, False),
    ],
)
def test_describe(text: str, method: bool, extended: bool) -> None:
    found = _one(text)
    assert isinstance(found, Describe)
    assert (found.method, found.extended) == (method, extended)


def test_explain_use_and_set() -> None:
    explain, use, set_ = parse_script("EXPLAIN ANALYZE DELETE FROM a.b; USE google; SET SESSION a.b = -3")
    assert isinstance(explain, ExplainStatement)
    assert explain.analyze
    assert isinstance(explain.statement, Modify)
    assert explain.statement.text == "DELETE FROM a.b"
    assert isinstance(use, Use)
    assert use.provider.value == "google"
    assert isinstance(set_, SetVariable)
    assert (set_.name, set_.value.value, set_.minus) == ("a.b", "3", True)


def test_a_broken_statement_does_not_hide_its_neighbours() -> None:
    found = parse_script("SELECT 1; SELCT 2; SHOW VERSION")
    assert [type(each) for each in found] == [Query, Malformed, Show]
    broken = found[1]
    assert isinstance(broken, Malformed)
    assert isinstance(broken.error, SqlSyntaxError)
    assert broken.error.hint == "did you mean SELECT?"


@pytest.mark.parametrize("text", ["BEGIN", "CREATE VIEW v AS SELECT 1", "AUTH LOGIN google", "DROP TABLE t"])
def test_what_is_refused_says_why(text: str) -> None:
    found = _one(text)
    assert isinstance(found, Malformed)
    assert isinstance(found.error, NotSupported)
    assert found.error.hint


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("INSERT a.b(x) VALUES (1)", "a.b"),
        ("INSERT INTO a.b VALUES (1)", "VALUES"),
        ("INSERT INTO a.b(x, X) VALUES (1, 2)", "X)"),
        ("INSERT INTO a.b(x)", ""),
        ("UPDATE a.b SET x WHERE y", "WHERE"),
        ("UPDATE a.b SET x = WHERE y", "WHERE"),
        ("DELETE a.b", "a.b"),
        ("EXEC a.b.c x = 1", "x = 1"),
        ("EXEC a.b.c @x = y", "y"),
        ("EXEC a.b.c @x = 1,", ""),
        ("EXEC a.b.c @@json = 1", "1"),
        ("SHOW TABLES", "TABLES"),
        ("SHOW SERVICES google", "google"),
        ("SHOW PROVIDERS LIKE x", "x"),
        ("USE google ml", "ml"),
        ("EXPLAIN", ""),
        ("SET x 1", "1"),
    ],
)
def test_errors_point_at_the_culprit(text: str, at: str) -> None:
    found = _one(text)
    assert isinstance(found, Malformed)
    assert isinstance(found.error, SqlSyntaxError)
    assert found.error.text == text
    assert found.error.span is not None
    assert text[found.error.span[0] :].startswith(at)
    assert bool(at) == (found.error.span[0] < len(text))


def test_an_unknown_hint_is_refused() -> None:
    found = _one("DELETE /*+ AWIAT */ FROM a.b")
    assert isinstance(found, Malformed)
    assert "AWIAT" in found.error.message


def test_text_that_is_not_unicode_is_refused() -> None:
    with pytest.raises(SqlSyntaxError, match="UTF-8"):
        parse_script("SELECT '\udc80'")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("REGISTRY LIST", ("LIST", "", "")),
        ("registry list okta;", ("LIST", "okta", "")),
        ("REGISTRY PULL okta v26.08.00447", ("PULL", "okta", "v26.08.00447")),
        ("REGISTRY PULL okta 'v26.08.00447-dev'", ("PULL", "okta", "v26.08.00447-dev")),
        ("REGISTRY REMOVE okta", ("REMOVE", "okta", "")),
    ],
)
def test_registry_statements(text: str, parts: tuple[str, str, str]) -> None:
    (statement,) = parse_script(text)
    assert isinstance(statement, RegistryStatement)
    assert (statement.action, statement.provider, statement.version) == parts


@pytest.mark.parametrize("text", ["REGISTRY", "REGISTRY PUSH x", "REGISTRY PULL", "REGISTRY LIST a b"])
def test_registry_statements_that_are_none(text: str) -> None:
    (statement,) = parse_script(text)
    assert isinstance(statement, Malformed) and isinstance(statement.error, SqlSyntaxError)
