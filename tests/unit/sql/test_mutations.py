"""What mutations set and where their values come from; whole plans are in tests/golden."""

from __future__ import annotations

import pytest
from tests.support.sql_catalog import CATALOG

from tablecloud.errors import (
    AmbiguousColumn,
    MissingParameter,
    NotSupported,
    SqlError,
    SqlSyntaxError,
    UnknownColumn,
)
from tablecloud.sql.names import Scope
from tablecloud.sql.parse import parse_script
from tablecloud.sql.plan import Mutation, Scalar
from tablecloud.sql.planner import plan


def _plan(sql: str, **parameters: Scalar) -> Mutation:
    named = {key.removeprefix("p"): value for key, value in parameters.items()}
    made = plan(parse_script(sql)[0], Scope(catalog=CATALOG, parameters=named))
    assert isinstance(made, Mutation)
    return made


def _targets(made: Mutation) -> list[tuple[str | None, tuple[str, ...] | None, str]]:
    return [(target.parameter, target.body_path, target.type_name) for target in made.targets]


def test_columns_are_parameters_first_then_places_in_the_body() -> None:
    made = _plan(
        'INSERT INTO google.storage.buckets(project, data__project, name, "labels.team", "data__labels.a.b") '
        "VALUES ('p', 'q', 'n', 't', 'x')"
    )
    assert _targets(made) == [
        ("project", None, ""),
        (None, ("project",), ""),
        (None, ("name",), ""),
        (None, ("labels", "team"), ""),
        (None, ("labels", "a", "b"), ""),
    ]


def test_typing_functions_become_types_and_leave_the_text_in_place() -> None:
    made = _plan(
        "INSERT INTO google.ml.jobs(projectsId, labels, jobId) SELECT 'p', JSON('{}'), string('{}') FROM range(2)"  # noqa: E501
    )
    assert [type_name for _, _, type_name in _targets(made)] == ["", "json", "string"]
    assert made.source.residual_sql == "SELECT 'p',     ('{}'),       ('{}') FROM range(2)"


def test_two_columns_must_not_set_one_place() -> None:
    with pytest.raises(AmbiguousColumn):
        _plan("INSERT INTO google.ml.jobs(projectsId, labels, \"labels.a\") VALUES ('p', '{}', 'x')")
    with pytest.raises(AmbiguousColumn):
        _plan("INSERT INTO google.ml.jobs(projectsId, jobId, data__jobId) VALUES ('p', 'a', 'b')")


@pytest.mark.parametrize("column", ["nope", "data__nope", "data__", "labels."])
def test_an_unknown_column_is_pointed_at(column: str) -> None:
    sql = f"INSERT INTO google.ml.jobs(projectsId, \"{column}\") VALUES ('p', 'x')"
    with pytest.raises(UnknownColumn) as caught:
        _plan(sql)
    assert caught.value.span is not None
    assert sql[slice(*caught.value.span)] == f'"{column}"'


@pytest.mark.parametrize(
    "source", ["VALUES ('p')", "SELECT 'p'", "SELECT 'p', 'x', 1", "SELECT 1 UNION ALL SELECT 2"]
)
def test_the_source_has_as_many_columns_as_are_named(source: str) -> None:
    with pytest.raises(SqlSyntaxError, match="columns named: 2"):
        _plan(f"INSERT INTO google.ml.jobs(projectsId, jobId) {source}")


def test_a_source_of_cloud_tables_is_planned_and_its_errors_point_into_the_script() -> None:
    made = _plan(
        "INSERT INTO google.ml.jobs(projectsId, jobId) SELECT 'p', name FROM google.storage.buckets WHERE project = 'q'"  # noqa: E501
    )
    assert [scan.resource.id for scan in made.source.scans] == ["google.storage.buckets"]
    sql = "INSERT INTO google.ml.jobs(projectsId, jobId) SELECT 'ü', nope FROM google.storage.buckets WHERE project = 'q'"  # noqa: E501
    with pytest.raises(UnknownColumn) as caught:
        _plan(sql)
    assert caught.value.text == sql
    assert caught.value.span is not None
    assert sql[slice(*caught.value.span)] == "nope"


def test_question_marks_keep_their_numbers_when_parts_change_places() -> None:
    made = _plan(
        "UPDATE google.ml.jobs SET priority = ?, labels = ? WHERE projectsId = ? AND jobsId IN (?, ?)",
        p1=1, p2="{}", p3="demo", p4="a", p5="b",
    )  # fmt: skip
    assert made.source.residual_sql.startswith('SELECT \'demo\' AS "projectsId", v0 AS "jobsId", $1 AS')
    assert made.source.parameters == {"1": 1, "2": "{}"}


def test_a_key_in_where_needs_no_reading() -> None:
    made = _plan(
        "DELETE FROM google.storage.objects WHERE bucket = 'b' AND (objectsId = 'x' OR objectsId = 'y')"
    )
    assert not made.source.scans
    assert [target.parameter for target in made.targets] == ["bucket", "objectsId"]


def test_contradicting_conditions_make_no_call() -> None:
    made = _plan(
        "DELETE FROM google.storage.objects WHERE bucket = 'b' AND objectsId = 'x' AND objectsId = 'y'"
    )
    assert "WHERE false" in made.source.residual_sql


def test_other_conditions_read_the_table_and_take_its_keys() -> None:
    made = _plan(
        "UPDATE google.ml.jobs AS j SET labels = '{}' WHERE j.projectsId = 'demo' AND j.priority > 3"
    )
    (scan,) = made.source.scans
    assert (scan.method.name, scan.alias) == ("list", "j")
    assert '"j"."jobId" AS "jobsId"' in made.source.residual_sql
    assert made.source.residual_sql.endswith("WHERE (j.projectsId = 'demo') AND (j.priority > 3)")


def test_an_expression_over_the_row_reads_it_by_its_key() -> None:
    made = _plan(
        "UPDATE google.ml.jobs SET priority = priority + 1 WHERE projectsId = 'demo' AND jobsId = 'x'"
    )
    (scan,) = made.source.scans
    assert scan.method.name == "get"


def test_the_field_mask_names_what_is_set() -> None:
    made = _plan(
        "UPDATE google.ml.jobs SET priority = 1, \"labels.a\" = 'x' WHERE projectsId = 'demo' AND jobsId = 'x'"  # noqa: E501
    )
    assert made.targets[-1].parameter == "updateMask"
    assert "'priority,labels.a' AS \"updateMask\"" in made.source.residual_sql


def test_conditions_only_the_mutation_understands_are_not_asked_of_the_rows() -> None:
    made = _plan(
        "UPDATE google.ml.jobs SET priority = 1 WHERE projectsId = 'd' AND state = 'x' AND updateMask = 'priority'"  # noqa: E501
    )
    assert "updateMask = " not in made.source.residual_sql
    assert "'priority' AS \"updateMask\"" in made.source.residual_sql


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("UPDATE google.ml.jobs SET priority = 1", "projectsId and jobsId"),
        ("UPDATE google.ml.jobs SET priority = 1 WHERE state = 'x'", "projectsId and jobsId"),
        ("INSERT INTO google.ml.jobs(jobId) VALUES ('x')", "projectsId"),
    ],
)
def test_missing_parameters_are_those_of_the_statement(sql: str, message: str) -> None:
    with pytest.raises(MissingParameter, match=message) as caught:
        _plan(sql)
    assert sql.split()[0] in caught.value.hint


@pytest.mark.parametrize(
    "sql",
    [
        "REPLACE google.ml.jobs SET priority = 1 WHERE projectsId = 'd'",
        "DELETE FROM google.ml.jobs WHERE projectsId = 'd'",
        "DELETE /*+ AWAIT */ FROM google.storage.objects WHERE bucket = 'b' AND objectsId = 'x'",
    ],
)
def test_what_no_method_serves(sql: str) -> None:
    with pytest.raises(NotSupported):
        _plan(sql)


@pytest.mark.parametrize(
    ("sql", "at"),
    [
        ("DELETE FROM google.storage.objects WHERE bucket = 'b' AND", 54),
        ("DELETE FROM google.storage.objects WHERE bucket = 'b' AND nope = 1", 58),
        ("INSERT INTO google.ml.jobs(projectsId) VALUES ('x') RETURNING ,", 62),
        ("UPDATE google.ml.jobs SET priority = 1 + WHERE projectsId = 'x'", 39),
        ("UPDATE google.ml.jobs SET priority = 1 FROM t WHERE projectsId = 'x'", 37),
        ("UPDATE google.ml.jobs SET priority = 1 AS z WHERE projectsId = 'x'", 37),
        ("DELETE FROM google.storage.objects WHERE bucket = 'b' LIMIT 1", 41),
        ("UPDATE google.ml.jobs SET priority = nope WHERE projectsId = 'x' AND jobsId = 'y'", 37),
    ],
)
def test_errors_point_into_the_script(sql: str, at: int) -> None:
    with pytest.raises(SqlError) as caught:
        _plan(sql)
    assert caught.value.text == sql
    assert caught.value.span is not None
    assert caught.value.span[0] in (at, at + 1, at + 2)
