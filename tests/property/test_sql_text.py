"""Any text is either statements or an SqlError, and every span slices to what it names."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.sql_catalog import CATALOG

from tablecloud.errors import CatalogError, SqlError
from tablecloud.sql.lexer import Kind, quote_name, quote_value, split, tokenize
from tablecloud.sql.names import Scope
from tablecloud.sql.parse import parse_script
from tablecloud.sql.planner import plan
from tablecloud.sql.pointing import render
from tablecloud.sql.statements import Malformed

WORDS = [
    "select",
    "insert",
    "into",
    "update",
    "replace",
    "delete",
    "from",
    "exec",
    "show",
    "describe",
    "explain",
    "use",
    "set",
    "where",
    "values",
    "returning",
    "with",
    "as",
    "google",
    "ml",
    "jobs",
    "projects",
    "state",
    "jobId",
    "projectsId",
    ".",
    ",",
    ";",
    "(",
    ")",
    "*",
    "=",
    "'x'",
    "''",
    '"a',
    'b"',
    "`q`",
    "$1",
    "?",
    "@a",
    "@@json",
    "=",
    "'{}'",
    "/*+",
    "AWAIT",
    "*/",
    "/*",
    "c",
    "*/",
    "--",
    "\n",
    "1",
    "-2.5",
    "e'\\''",
    "$$d$$",
    "and",
    "or",
    "in",
    "join",
    "on",
    "using",
    "left",
    "limit",
    "union",
    "all",
    "é",
    "ü",
    "名",
    "google.ml.jobs",
    "google.crm.projects",
]
scripts = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join))


@settings(max_examples=300, deadline=None)
@given(scripts)
@example("select 'a")
@example("/*+ */")
@example("exec a.b.c @x")
def test_parsing_and_planning_raise_nothing_but_our_errors(text: str) -> None:
    try:
        statements = parse_script(text)
    except SqlError as error:
        assert render(error)
        return
    for statement in statements:
        assert 0 <= statement.span[0] < statement.span[1] <= len(text)
        try:
            plan(statement, Scope(catalog=CATALOG, parameters={"1": "one"}))
        except SqlError as error:
            assert error.text == text
            assert error.span is None or 0 <= error.span[0] <= error.span[1] <= len(text)
            assert render(error)
        except CatalogError:
            pass
        except AttributeError as error:
            # The hand-made catalog answers no SHOW.
            assert "StubCatalog" in str(error)


@settings(max_examples=300, deadline=None)
@given(scripts)
def test_tokens_slice_to_their_text(text: str) -> None:
    try:
        tokens = tokenize(text)
    except SqlError as error:
        assert error.span is not None
        return
    end = 0
    for token in tokens:
        assert end <= token.start < token.end <= len(text)
        if token.kind in (Kind.WORD, Kind.NUMBER, Kind.SYMBOL, Kind.PARAMETER):
            assert text[token.start : token.end] == token.value
        end = token.end


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["select 1", "select ';'", 'select ";"', "select $$;$$", "show version", "/*;*/ use x"]
        )
    )
)
def test_splitting_undoes_joining(statements: list[str]) -> None:
    script = ";\n".join(statements)
    found = parse_script(script)
    assert not any(isinstance(each, Malformed) for each in found)
    assert [each.text for each in found] == [each.removeprefix("/*;*/ ") for each in statements]
    assert len(split(tokenize(script))) == len(statements)


@settings(max_examples=200, deadline=None)
@given(st.text(min_size=1, max_size=20).filter(lambda text: "\0" not in text))
def test_quoting_round_trips(text: str) -> None:
    (name,) = tokenize(quote_name(text))
    (value,) = tokenize(quote_value(text))
    assert (name.kind, name.value) == (Kind.QUOTED, text)
    assert (value.kind, value.value) == (Kind.STRING, text)
