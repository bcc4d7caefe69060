import pytest

from tablecloud.cli.exits import FAILED, OK, PARTIAL, worse
from tablecloud.cli.runner import statements
from tablecloud.errors import SqlSyntaxError


def test_statements_stay_on_their_lines() -> None:
    text = "SELECT 1;\n\n  SELECT ';' -- a; b\n  ;; SELECT 3"
    assert list(statements(text)) == ["SELECT 1", "\n\n  SELECT ';'", "\n\n\n     SELECT 3"]


def test_a_script_of_nothing_has_no_statements() -> None:
    assert list(statements(" ; -- nothing\n;")) == []


def test_an_open_string_is_an_error() -> None:
    with pytest.raises(SqlSyntaxError):
        list(statements("SELECT 'open; SELECT 2"))


def test_the_gravest_status_wins() -> None:
    assert worse(OK, PARTIAL) == PARTIAL
    assert worse(FAILED, PARTIAL) == FAILED
    assert worse(OK, OK) == OK
