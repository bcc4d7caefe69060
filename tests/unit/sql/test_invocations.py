from __future__ import annotations

import pytest
from tests.support.sql_catalog import CATALOG

from tablecloud.errors import (
    InvalidValue,
    MissingParameter,
    NotSupported,
    SqlError,
    UnknownColumn,
    UnknownMethod,
)
from tablecloud.sql.names import Scope
from tablecloud.sql.parse import parse_script
from tablecloud.sql.plan import Invocation
from tablecloud.sql.planner import plan

PARAMETERS = {"1": "demo", "2": "x", "3": '{"labels": {"a": "ü"}}', "4": None}
KEY = "@projectsId = 'demo', @jobsId = 'x'"


def _plan(sql: str) -> Invocation:
    made = plan(parse_script(sql)[0], Scope(catalog=CATALOG, parameters=PARAMETERS))
    assert isinstance(made, Invocation)
    return made


def test_arguments_get_the_documents_spelling_and_type() -> None:
    made = _plan("EXEC google.ml.jobs.CANCEL @PROJECTSID = 'demo', @jobsid = 7")
    assert made.method.name == "cancel"
    assert made.arguments == {"projectsId": "demo", "jobsId": "7"}
    assert made.body is None
    assert not made.await_


def test_prepared_values_serve_arguments_and_body() -> None:
    made = _plan("EXEC google.ml.jobs.patch @projectsId = ?, @jobsId = ? @@json = ?")
    assert made.arguments == {"projectsId": "demo", "jobsId": "x"}
    assert made.body == '{"labels": {"a": "ü"}}'.encode()


@pytest.mark.parametrize(
    ("sql", "kind", "message", "at"),
    [
        ("EXEC google.ml.jobs.cancel @projectsId = 'a'", MissingParameter, "without jobsId", "google.ml"),
        ("EXEC google.ml.jobs.cancel " + KEY + ", @x = 1", UnknownColumn, "no parameter x", "@x"),
        ("EXEC google.ml.jobs.cancel @projectsId = $4, @jobsId = 'x'", InvalidValue, "cannot be NULL", "$4"),
        ("EXEC google.ml.jobs.cancel @projectsId = $9, @jobsId = 'x'", InvalidValue, r"\$9", "$9"),
        ("EXEC google.ml.jobs.cancel " + KEY + " @@json = '{\"a\": 1}'", InvalidValue, "takes no body", "'{"),
        ("EXEC google.ml.jobs.patch " + KEY + " @@json = '{'", InvalidValue, "not JSON", "'{'"),
        (
            "EXEC google.ml.jobs.patch " + KEY + " @@json = '[]'",
            InvalidValue,
            "must be a JSON object",
            "'[]'",
        ),
        (
            "EXEC google.ml.jobs.patch " + KEY + " @@json = '{\"label\": 1}'",
            InvalidValue,
            "no field label",
            "'{",
        ),
        (
            "EXEC /*+ AWAIT */ google.ml.jobs.cancel " + KEY,
            NotSupported,
            "nothing that can be waited",
            "google.ml",
        ),
    ],
)
def test_what_does_not_fit_is_pointed_at(sql: str, kind: type[SqlError], message: str, at: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        _plan(sql)
    assert caught.value.text == sql
    assert caught.value.span is not None
    assert sql[caught.value.span[0] :].startswith(at)


def test_an_unknown_body_field_names_the_nearest() -> None:
    with pytest.raises(InvalidValue) as caught:
        _plan("EXEC google.ml.jobs.patch " + KEY + " @@json = '{\"label\": 1}'")
    assert caught.value.hint == "did you mean labels?"


def test_a_field_given_as_an_argument_is_told_where_it_belongs() -> None:
    with pytest.raises(UnknownColumn) as caught:
        _plan("EXEC google.ml.jobs.patch " + KEY + ", @labels = '{}'")
    assert "@@json" in caught.value.hint


def test_an_unknown_method() -> None:
    with pytest.raises(UnknownMethod):
        _plan("EXEC google.ml.jobs.cancle " + KEY)
