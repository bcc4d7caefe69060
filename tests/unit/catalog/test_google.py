"""The tables that the product promises, from the bundled documents."""

from __future__ import annotations

import pytest

from tablecloud.catalog.catalog import Catalog
from tablecloud.catalog.model import Acceptor, Form, Method, Verb


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.open(tmp_path_factory.mktemp("google"))


def named(catalog: Catalog, *path: str) -> Method:
    _, (method,) = catalog.method(path)
    return method


def test_jobs_have_a_page_and_a_table(catalog: Catalog) -> None:
    page, table = catalog.resource(("google.ml.projects.jobs",)), catalog.resource(("google.ml.jobs",))
    assert (page.form, page.twin, table.form, table.twin) == (Form.PAGE, "jobs", Form.TABLE, "projects.jobs")
    assert [c.name for c in page.default_select.columns] == ["jobs", "nextPageToken"]  # type: ignore[union-attr]
    assert named(catalog, "google", "ml", "jobs", "list").items == ("jobs",)
    assert [m.name for m in table.serving(Verb.UPDATE)] == ["patch"]


def test_creating_a_job_is_waited_for_by_its_state(catalog: Catalog) -> None:
    created = named(catalog, "google", "ml", "jobs", "create").long_running
    assert created is not None and created.poll == "v1/projects/{projectsId}/jobs/{jobId}"
    assert created.acceptors == (
        Acceptor(path=("state",), values=("SUCCEEDED",)),
        Acceptor(path=("state",), values=("FAILED", "CANCELLED"), success=False),
    )
    cancelled = named(catalog, "google", "ml", "projects.jobs", "cancel").long_running
    assert cancelled is not None and cancelled.acceptors[0].values == ("CANCELLED",)


def test_a_filter_that_could_lack_a_row_is_not_offered(catalog: Catalog) -> None:
    remote = named(catalog, "google", "ml", "jobs", "list").remote_filter
    assert remote is not None and (remote.parameter, remote.dialect) == ("filter", "gcloud")
    assert not [name for name, operators in remote.columns.items() if "!=" in operators]
    assert named(catalog, "google", "ml", "projects.jobs", "list").remote_filter is None


def test_operations_of_projects_and_locations_are_one_table(catalog: Catalog) -> None:
    _, gets = catalog.method(("google", "ml", "operations", "get"))
    assert [m.required for m in gets] == [
        ("projectsId", "locationsId", "operationsId"),
        ("projectsId", "operationsId"),
    ]


def test_instances_of_all_zones_are_rows_too(catalog: Catalog) -> None:
    instances = catalog.resource(("google", "compute", "instances"))
    rows = {m.name: (m.items, len(m.columns)) for m in instances.serving(Verb.SELECT)}
    assert rows["aggregatedList"][0] == ("items", "*", "instances")
    assert len({count for _, count in rows.values()}) == 1
    waits = named(catalog, "google", "compute", "instances", "insert").long_running
    assert waits is not None and waits.poll == "{+selfLink}"


def test_versions_have_names(catalog: Catalog) -> None:
    names = {e.name: e.version for e in catalog.services("google")}
    assert names["compute"] == "v1" and names["compute_beta"] == "beta"
    assert names["aiplatform"] == "v1" and names["aiplatform_v1beta1"] == "v1beta1"
    assert names["chromewebstore_v1_1"] == "v1.1"
