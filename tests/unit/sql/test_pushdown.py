"""Single facts; that they never change an answer is tests/property/test_sql_binding.py."""

from __future__ import annotations

import pytest
from tests.support.sql_catalog import CATALOG

from tablecloud.sql.bind import bind
from tablecloud.sql.names import Scope
from tablecloud.sql.plan import Scalar
from tablecloud.sql.pushdown import Facts, collect
from tablecloud.sql.tree import parse


def _facts(sql: str) -> Facts:
    return collect(bind(parse(sql), Scope(catalog=CATALOG)), {"1": "one"})


@pytest.mark.parametrize(
    ("where", "values"),
    [
        ("projectsId = 'a'", ("a",)),
        ("'a' = projectsId", ("a",)),
        ("projectsId = $1", ("one",)),
        ("projectsId = 'a' || 'b'", ("ab",)),
        ("projectsId IN ('a', 'b', 'a')", ("a", "b")),
        ("projectsId = 'a' OR projectsId IN ('b', 'c')", ("a", "b", "c")),
        ("projectsId IN ('a', 'b') AND projectsId = 'b'", ("b",)),
        ("projectsId = 'a' AND projectsId = 'b'", ()),
        ("projectsId = NULL", ()),
        ("projectsId = '05' AND projectsId = 5", ("05",)),
        ("projectsId <> 'a'", None),
        ("projectsId LIKE 'a'", None),
        ("NOT projectsId = 'a'", None),
        ("projectsId NOT IN ('a')", None),
        ("projectsId BETWEEN 'a' AND 'a'", None),
        ("projectsId = 'a' OR state = 'b'", None),
        ("projectsId = lower('A')", None),
        ("lower(projectsId) = 'a'", None),
        ("projectsId IN (SELECT 'a')", None),
        ("projectsId IS NOT DISTINCT FROM 'a'", None),
    ],
)
def test_what_gives_a_column_its_values(where: str, values: tuple[Scalar, ...] | None) -> None:
    assert _facts(f"SELECT 1 FROM google.ml.jobs WHERE {where}").values.get((0, "projectsid")) == values


A_AND_B = "FROM google.ml.jobs a {} google.ml.jobs b ON {} WHERE {}"


@pytest.mark.parametrize(
    ("join", "on", "where", "left", "right"),
    [
        ("JOIN", "a.projectsId = b.projectsId", "a.projectsId = 'x'", ("x",), ("x",)),
        ("LEFT JOIN", "a.projectsId = b.projectsId", "a.projectsId = 'x'", ("x",), ("x",)),
        ("LEFT JOIN", "a.projectsId = b.projectsId", "b.projectsId = 'x'", None, ("x",)),
        ("LEFT JOIN", "a.projectsId = 'x' AND b.projectsId = 'y'", "true", None, ("y",)),
        ("RIGHT JOIN", "a.projectsId = 'x' AND b.projectsId = 'y'", "true", ("x",), None),
        ("FULL JOIN", "a.projectsId = 'x' AND b.projectsId = 'y'", "true", None, None),
        ("FULL JOIN", "true", "a.projectsId = 'x'", ("x",), None),
        ("SEMI JOIN", "a.projectsId = 'x' AND b.projectsId = 'y'", "true", ("x",), ("y",)),
        ("ANTI JOIN", "a.projectsId = 'x' AND b.projectsId = 'y'", "true", None, ("y",)),
    ],
)
def test_where_values_reach(
    join: str, on: str, where: str, left: tuple[str] | None, right: tuple[str] | None
) -> None:
    values = _facts("SELECT 1 " + A_AND_B.format(join, on, where)).values
    assert (values.get((0, "projectsid")), values.get((1, "projectsid"))) == (left, right)


def test_using_merges_columns() -> None:
    inner = _facts(
        "SELECT 1 FROM google.ml.jobs a JOIN google.ml.jobs b USING (projectsId) WHERE projectsId = 'x'"
    )
    assert inner.values == {(0, "projectsid"): ("x",), (1, "projectsid"): ("x",)}


def test_equalities_name_relations_and_write_prepared_values_out() -> None:
    sql = "SELECT 1 FROM google.crm.projects p, google.ml.jobs j WHERE j.projectsId = p.id || $1"
    assert [equality.expression for equality in _facts(sql).equalities] == ['"scan_0"."id" || \'one\'']
    sql = "SELECT 1 FROM google.crm.projects p, google.ml.jobs j WHERE concat(p.id, $1) = j.projectsId"
    (equality,) = _facts(sql).equalities
    assert (equality.target, equality.source) == ((1, "projectsid"), 0)
    assert equality.expression == 'concat("scan_0"."id", \'one\')'


@pytest.mark.parametrize("expression", ["concat(p.id, j.state)", "(SELECT p.id)", "random()", "p.id < 'x'"])
def test_what_is_no_function_of_one_table_feeds_nothing(expression: str) -> None:
    facts = _facts(
        f"SELECT 1 FROM google.crm.projects p, google.ml.jobs j WHERE j.projectsId = ({expression})"
    )
    assert all(equality.target != (1, "projectsid") or equality.source == 0 for equality in facts.equalities)
    if expression != "p.id < 'x'":
        assert not facts.equalities
