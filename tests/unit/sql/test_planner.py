"""The one door of the floor, against the real catalog."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tablecloud.catalog.catalog import Catalog
from tablecloud.errors import (
    NotSupported,
    SqlSyntaxError,
    TablecloudError,
    UnknownColumn,
    UnknownProvider,
    UnknownResource,
    UnknownService,
)
from tablecloud.sql.explain import explain
from tablecloud.sql.names import Scope
from tablecloud.sql.parse import parse_script
from tablecloud.sql.plan import Explain, Invocation, Mutation, Plan, QueryPlan, SessionChange, Table
from tablecloud.sql.planner import plan


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    opened = Catalog.open(Path(tmp_path_factory.mktemp("root")))
    yield opened
    opened.close()


def _plan(sql: str, catalog: Catalog, provider: str | None = None) -> Plan:
    return plan(parse_script(sql)[0], Scope(catalog=catalog, provider=provider))


def test_the_table_form_of_jobs(catalog: Catalog) -> None:
    made = _plan(
        "SELECT jobId, state FROM google.ml.jobs WHERE projectsId = 'demo' AND state = 'RUNNING'", catalog
    )
    assert isinstance(made, QueryPlan)
    (scan,) = made.scans
    assert (scan.method.name, scan.remote_filter) == ("list", 'state = "RUNNING"')


def test_the_page_form_of_jobs(catalog: Catalog) -> None:
    made = _plan("SELECT jobs FROM google.ml.projects.jobs WHERE projectsId = 'demo'", catalog)
    assert isinstance(made, QueryPlan)
    with pytest.raises(UnknownColumn) as caught:
        _plan("SELECT jobId FROM google.ml.projects.jobs WHERE projectsId = 'demo'", catalog)
    assert "google.ml.jobs" in caught.value.hint


def test_reading_one_job_by_its_key(catalog: Catalog) -> None:
    made = _plan("SELECT * FROM google.ml.jobs WHERE projectsId = 'demo' AND jobsId = 'x'", catalog)
    assert isinstance(made, QueryPlan)
    assert made.scans[0].method.name == "get"


def test_creating_a_job_and_waiting_for_it(catalog: Catalog) -> None:
    made = _plan(
        "INSERT /*+ AWAIT */ INTO google.ml.jobs(projectsId, jobId, trainingInput) "
        "VALUES ('demo', 'train_1', '{\"scaleTier\": \"BASIC\"}') RETURNING jobId, state",
        catalog,
    )
    assert isinstance(made, Mutation)
    assert (made.method.name, made.await_, made.returning) == ("create", True, "jobId, state")


def test_deleting_jobs_is_refused_with_a_way_out(catalog: Catalog) -> None:
    with pytest.raises(NotSupported) as caught:
        _plan("DELETE FROM google.ml.jobs WHERE projectsId = 'demo'", catalog)
    assert "EXEC google.ml.jobs.cancel @projectsId = '…', @jobsId = '…'" in caught.value.hint


def test_cancelling_and_patching(catalog: Catalog) -> None:
    made = _plan(
        "EXEC /*+ AWAIT */ google.ml.projects.jobs.cancel @projectsId = 'demo', @jobsId = 'x'", catalog
    )
    assert isinstance(made, Invocation)
    update = _plan(
        "UPDATE google.ml.jobs SET labels = '{}' WHERE projectsId = 'demo' AND state = 'FAILED'", catalog
    )
    assert isinstance(update, Mutation)
    assert [target.parameter for target in update.targets] == ["projectsId", "jobsId", None, "updateMask"]


def test_a_join_of_services(catalog: Catalog) -> None:
    made = _plan(
        "SELECT m.name, v.name FROM google.ml.models m LEFT JOIN google.ml.versions v "
        "ON v.modelsId = split_part(m.name, '/', 4) AND v.projectsId = m.projectsId "
        "WHERE m.projectsId = 'demo'",
        catalog,
    )
    assert isinstance(made, QueryPlan)
    assert [len(scan.dependent) for scan in made.scans] == [0, 1]


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("SHOW PROVIDERS", "name"),
        ("SHOW SERVICES IN google LIKE 'ml%'", "name"),
        ("SHOW RESOURCES IN google.ml", "name"),
        ("SHOW METHODS IN google.ml.projects.jobs", "MethodName"),
        ("DESCRIBE google.ml.jobs", "name"),
        ("DESCRIBE METHOD EXTENDED google.ml.jobs.create", "name"),
        ("SHOW VERSION", "version"),
    ],
)
def test_metadata(catalog: Catalog, sql: str, columns: str) -> None:
    made = _plan(sql, catalog)
    assert isinstance(made, Table)
    assert columns in made.columns
    assert made.rows


def test_the_default_provider_serves_every_statement(catalog: Catalog) -> None:
    for sql in (
        "SELECT * FROM ml.jobs WHERE projectsId = 'x'",
        "SHOW METHODS IN ml.jobs",
        "SHOW RESOURCES IN ml",
        "DESCRIBE METHOD ml.jobs.create",
        "EXEC ml.jobs.cancel @projectsId = 'x', @jobsId = 'y'",
        "UPDATE ml.jobs SET labels = '{}' WHERE projectsId = 'x' AND jobsId = 'y'",
    ):
        assert _plan(sql, catalog, provider="google") is not None


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT * FROM goggle.ml.jobs", UnknownProvider),
        ("SELECT * FROM google.mll.jobs", UnknownService),
        ("SELECT * FROM google.ml.jobbs", UnknownResource),
        ("SELECT * FROM ml.jobs", TablecloudError),
        ("USE gogle", UnknownProvider),
        ("SELCT 1", SqlSyntaxError),
        ("EXPLAIN USE google", NotSupported),
    ],
)
def test_wrong_names_and_statements(catalog: Catalog, sql: str, kind: type[TablecloudError]) -> None:
    with pytest.raises(kind):
        _plan(sql, catalog)


def test_deep_nesting_is_refused(catalog: Catalog) -> None:
    with pytest.raises(NotSupported, match="nested too deeply"):
        _plan("SELECT * FROM " + "(SELECT * FROM " * 400 + "google.ml.jobs" + ") t" * 400, catalog)
    with pytest.raises(SqlSyntaxError):
        _plan("SELECT " + "(" * 5000 + "1" + ")" * 5000, catalog)


def test_long_chains_are_planned(catalog: Catalog) -> None:
    chain = " OR ".join(f"projectsId = 'p{number}'" for number in range(600))
    made = _plan(f"SELECT jobId FROM google.ml.jobs WHERE {chain}", catalog)
    assert isinstance(made, QueryPlan)
    assert made.scans[0].calls == 600


def test_session_changes(catalog: Catalog) -> None:
    assert _plan("USE GOOGLE", catalog) == SessionChange(
        setting="provider", value="google", message="names without a provider mean google"
    )
    assert isinstance(_plan("SET on_error = 'strict'", catalog), SessionChange)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM google.ml.jobs WHERE projectsId IN ('a', 'b')",
        "UPDATE google.ml.jobs SET labels = '{}' WHERE projectsId = 'x' AND jobsId = 'y'",
        "EXEC google.ml.jobs.cancel @projectsId = 'x', @jobsId = 'y'",
        "SHOW PROVIDERS",
    ],
)
def test_explain(catalog: Catalog, sql: str) -> None:
    made = _plan(f"EXPLAIN ANALYZE {sql}", catalog)
    assert isinstance(made, Explain)
    assert made.analyze
    rows = explain(made).rows
    assert rows
    assert all(isinstance(step, str) and isinstance(detail, str) for step, detail in rows)
