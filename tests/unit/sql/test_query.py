"""Columns, limits, reads and names of a SELECT; what binds is in tests/property/test_sql_binding.py."""

from __future__ import annotations

import pytest
from tests.support.sql_catalog import CATALOG

from tablecloud.errors import AmbiguousColumn, InvalidValue, NotSupported, SqlSyntaxError, UnknownColumn
from tablecloud.sql.names import Scope
from tablecloud.sql.plan import QueryPlan, Scan, Verdict
from tablecloud.sql.query import plan_query

DEMO = "FROM google.ml.jobs WHERE projectsId = 'demo'"


def _plan(sql: str, **scope: object) -> QueryPlan:
    return plan_query(sql, Scope(catalog=CATALOG, **scope))  # type: ignore[arg-type]


def _scan(sql: str, **scope: object) -> Scan:
    (scan,) = _plan(sql, **scope).scans
    return scan


def _columns(sql: str) -> set[str]:
    scan = _scan(sql)
    return {*(column.name for column in scan.columns), *scan.parameter_columns}


EVERY = {"jobId", "state", "createTime", "trainingInput", "labels", "priority", "projectsId"}


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        (f"SELECT JOBID {DEMO}", {"jobId", "projectsId"}),
        (f"SELECT 1 {DEMO}", {"projectsId"}),
        ("SELECT j.labels->>'a' FROM google.ml.jobs j WHERE j.projectsId = 'demo' ORDER BY j.priority", {"labels", "priority", "projectsId"}),  # noqa: E501
        (f"SELECT state, count(*) {DEMO} GROUP BY ALL HAVING max(priority) > 1", {"state", "priority", "projectsId"}),  # noqa: E501
        (f"SELECT row_number() OVER (PARTITION BY state ORDER BY createTime) {DEMO}", {"state", "createTime", "projectsId"}),  # noqa: E501
        (f"SELECT jobId {DEMO} QUALIFY rank() OVER (ORDER BY priority) = 1", {"jobId", "priority", "projectsId"}),  # noqa: E501
        (f"SELECT count(*) FILTER (WHERE state = 'x') {DEMO}", {"state", "projectsId"}),
        (f"SELECT jobs {DEMO}", EVERY),
        (f"SELECT COLUMNS('j.*') {DEMO}", EVERY),
        (f"SELECT * EXCLUDE (labels) {DEMO}", EVERY),
        (f"SELECT state AS s {DEMO} AND s = 'x'", {"state", "projectsId"}),
        (f"SELECT list_transform([1], x -> x + priority) {DEMO}", {"priority", "projectsId"}),
        (f"SELECT labels -> '$.a' {DEMO}", {"labels", "projectsId"}),
        (f"SELECT (SELECT state) {DEMO}", {"state", "projectsId"}),
        (f"SELECT current_date, jobId {DEMO}", {"jobId", "projectsId"}),
        ("SELECT u.v FROM google.ml.jobs j, unnest([j.priority]) u(v) WHERE projectsId = 'demo'", {"priority", "projectsId"}),  # noqa: E501
        ("FROM (FROM google.ml.jobs WHERE projectsId = 'demo') PIVOT (count(*) FOR state IN ('a'))", EVERY),
        (f"SELECT d.state FROM (SELECT state {DEMO}) d", {"state", "projectsId"}),
        (f"SELECT max(state) {DEMO} UNION SELECT 'x' ORDER BY 1", {"state", "projectsId"}),
    ],
)  # fmt: skip
def test_the_columns_that_are_fetched(sql: str, columns: set[str]) -> None:
    assert _columns(sql) == columns


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT nope {DEMO}",
        f"SELECT jobs.nope {DEMO}",
        f"SELECT jobId {DEMO} AND nope = 1",
        f"SELECT jobId {DEMO} ORDER BY nope",
        f"SELECT (SELECT max(nope) {DEMO})",
        f"SELECT 1 {DEMO} UNION ALL SELECT nope {DEMO}",
        "SELECT 1 FROM google.ml.jobs a JOIN google.ml.jobs b USING (nope)",
    ],
)
def test_an_unknown_column_is_pointed_at(sql: str) -> None:
    with pytest.raises(UnknownColumn) as caught:
        _plan(sql)
    if "USING" not in sql:
        assert caught.value.span is not None
        assert sql[slice(*caught.value.span)] in ("nope", "jobs.nope")


@pytest.mark.parametrize(
    "sql",
    [
        f"WITH q AS (SELECT jobId AS n {DEMO}) SELECT n FROM q",
        f"SELECT whatever FROM (SELECT * {DEMO})",
        "SELECT c FROM (VALUES (1)) t(c)",
        "SELECT anything FROM read_csv('x.csv')",
        f"SELECT q.z {DEMO.replace('WHERE', ', (SELECT 1 AS z) q WHERE')}",
    ],
)
def test_columns_of_what_is_not_ours_are_left_to_duckdb(sql: str) -> None:
    assert isinstance(_plan(sql), QueryPlan)


def test_ambiguous_columns_and_tables() -> None:
    with pytest.raises(AmbiguousColumn, match="state is a column of more"):
        _plan("SELECT state FROM google.ml.jobs j, google.crm.projects p WHERE j.projectsId = 'x'")
    with pytest.raises(AmbiguousColumn, match="two tables are called jobs"):
        _plan("SELECT 1 FROM google.ml.jobs, google.ml.projects.jobs")


def test_an_alias_in_order_by_is_not_ambiguous() -> None:
    sql = "SELECT j.state AS state FROM google.ml.jobs j, google.crm.projects p WHERE projectsId = 'x' ORDER BY state"  # noqa: E501
    assert len(_plan(sql).scans) == 2


@pytest.mark.parametrize(
    ("tail", "limit"),
    [
        ("LIMIT 5", 5),
        ("LIMIT 5 OFFSET 2", 7),
        ("LIMIT 0", 0),
        ("LIMIT 10%", None),
        ("LIMIT (SELECT 1)", None),
        ("ORDER BY jobId LIMIT 5", None),
        ("AND state = 'x' LIMIT 5", None),
        ("AND random() < 0.5 LIMIT 5", None),
        ("GROUP BY ALL LIMIT 5", None),
        ("QUALIFY row_number() OVER () = 1 LIMIT 5", None),
        ("USING SAMPLE 3 LIMIT 5", None),
        ("", None),
    ],
)
def test_limit_stops_paging_only_where_nothing_needs_more_rows(tail: str, limit: int | None) -> None:
    assert _scan(f"SELECT jobId {DEMO} {tail}").limit == limit


@pytest.mark.parametrize(
    ("item", "limit"),
    [
        ("lower(state)", 5),
        ("*", 5),
        ("CASE WHEN state = 'x' THEN 1 END", 5),
        ("labels->>'a'", 5),
        ("DISTINCT jobId", None),
        ("count(*)", None),
        ("max(state)", None),
        ("unnest([1, 2])", None),
        ("row_number() OVER ()", None),
        ("(SELECT 1)", None),
    ],
)
def test_limit_and_the_select_list(item: str, limit: int | None) -> None:
    assert _scan(f"SELECT {item} {DEMO} LIMIT 5").limit == limit


def test_how_often_a_relation_is_read() -> None:
    assert _scan(f"SELECT 1 {DEMO}").uses == 1
    assert _scan(f"WITH q AS (SELECT 1 {DEMO}) SELECT 1 FROM q").uses == 1
    assert _scan(f"WITH q AS (SELECT 1 {DEMO}) SELECT 1 FROM q a, q b").uses == 2
    assert _scan(f"SELECT (SELECT count(*) {DEMO})").uses == 2
    assert (
        _scan(
            f"WITH RECURSIVE q AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM q, (SELECT 1 {DEMO}) WHERE n < 3) FROM q"  # noqa: E501
        ).uses
        == 2
    )
    feeding = _plan("SELECT 1 FROM google.crm.projects p JOIN google.ml.jobs j ON j.projectsId = p.id")
    assert [scan.uses for scan in feeding.scans] == [2, 1]


def test_the_default_provider_completes_names() -> None:
    scan = _scan("SELECT google.ml.jobs.state FROM ml.jobs WHERE projectsId = 'x'", provider="google")
    assert scan.resource.id == "google.ml.jobs"
    assert scan.alias == "jobs"


def test_local_names_are_left_alone() -> None:
    sql = "WITH ml AS (SELECT 1) SELECT * FROM ml, main.t, 'f.csv', information_schema.tables"
    assert _plan(sql).residual_sql == sql
    assert not _plan(sql).scans


def test_a_cte_hides_nothing_of_several_parts() -> None:
    made = _plan(f"WITH google AS (SELECT 1) SELECT jobId {DEMO}")
    assert len(made.scans) == 1


def test_spans_count_characters_not_bytes() -> None:
    made = _plan("SELECT 'ü名', é.state FROM google.ml.\"jobs\" AS é WHERE é.projectsId = 'ß'")
    assert made.residual_sql == "SELECT 'ü名', é.state FROM \"scan_0\" AS é WHERE é.projectsId = 'ß'"
    assert made.scans[0].bindings[0].values == ("ß",)


def test_a_value_that_does_not_fit_its_parameter() -> None:
    sql = f"SELECT 1 {DEMO} AND pageSize = 'many'"
    with pytest.raises(InvalidValue, match="pageSize takes a number") as caught:
        _plan(sql)
    assert caught.value.span is not None
    assert sql[slice(*caught.value.span)] == "pageSize"


def test_verdicts() -> None:
    scan = _scan(f"SELECT jobId {DEMO} AND state = 'x' AND labels IS NULL")
    assert [each.verdict for each in scan.conjuncts] == [Verdict.EXACT, Verdict.INEXACT, Verdict.UNSUPPORTED]


@pytest.mark.parametrize(
    "sql",
    [
        "TABLE google.ml.jobs",
        "SELECT * FROM google.ml.jobs j(a, b)",
        "SUMMARIZE google.ml.jobs",
        "SELECT * FROM google.ml.explainers",
    ],
)
def test_what_is_not_supported_says_so(sql: str) -> None:
    with pytest.raises(NotSupported):
        _plan(sql)


def test_two_statements_are_not_one() -> None:
    with pytest.raises(SqlSyntaxError):
        _plan("SELECT 1; SELECT 2")


def test_asof_and_positional_sides_are_not_restricted_by_where() -> None:
    from tablecloud.errors import MissingParameter

    with pytest.raises(MissingParameter):
        _plan(
            "SELECT 1 FROM google.crm.projects p ASOF JOIN google.ml.jobs j ON p.id >= j.jobId WHERE j.projectsId = 'x'"  # noqa: E501
        )
    with pytest.raises(MissingParameter):
        _plan("SELECT 1 FROM google.crm.projects p POSITIONAL JOIN google.ml.jobs j WHERE j.projectsId = 'x'")


def test_natural_join_compares_every_column() -> None:
    made = _plan("SELECT 1 FROM google.ml.jobs a NATURAL JOIN google.crm.projects b WHERE a.projectsId = 'x'")
    assert [len(scan.columns) for scan in made.scans] == [6, 3]


def test_a_required_parameter_shows_its_argument_and_not_the_field_of_that_name() -> None:
    scan = _scan("SELECT * FROM google.storage.objects WHERE bucket = 'b'")
    assert "bucket" not in [column.name for column in scan.columns]
    assert scan.parameter_columns == ("bucket",)
    assert scan.conjuncts[0].verdict is Verdict.EXACT


def test_an_optional_parameter_leaves_the_field_of_that_name_to_the_row() -> None:
    scan = _scan("SELECT state FROM google.ml.jobs WHERE projectsId = 'p' AND filter = 'x'")
    assert scan.parameter_columns == ("projectsId", "filter")
