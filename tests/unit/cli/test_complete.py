from collections.abc import Iterator

import pytest

from tablecloud.catalog.catalog import Catalog
from tablecloud.cli.complete import suggest


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    catalog = Catalog.open(tmp_path_factory.mktemp("root"))
    yield catalog
    catalog.close()


def test_keywords(catalog: Catalog) -> None:
    assert suggest("sel", "", catalog) == ("sel", ["SELECT"])
    assert suggest("", "", catalog) == ("", [])


def test_names_after_from_and_after_a_dot(catalog: Catalog) -> None:
    assert "google" in suggest("SELECT * FROM ", "", catalog)[1]
    word, found = suggest("SELECT * FROM google.ml.proj", "", catalog)
    assert word == "google.ml.proj"
    assert "google.ml.projects.jobs" in found


def test_names_of_the_current_provider(catalog: Catalog) -> None:
    assert "ml.jobs" in suggest("SELECT * FROM ml.jo", "", catalog, "google")[1]


def test_columns_and_parameters_of_tables_in_sight(catalog: Catalog) -> None:
    word, found = suggest("SELECT st", " FROM google.ml.jobs WHERE 1", catalog)
    assert (word, found[:2]) == ("st", ["startTime", "state"])
    assert "projectsId" in suggest("SELECT 1 FROM google.ml.jobs WHERE projects", "", catalog)[1]
    assert "state" in suggest("SELECT sta", " FROM ml.jobs", catalog, "google")[1]


def test_unknown_names_suggest_nothing(catalog: Catalog) -> None:
    assert suggest("SELECT * FROM nowhere.at.al", "", catalog)[1] == []
    assert suggest("SELECT zz", " FROM nowhere.at.all", catalog)[1] == []


def test_completion_survives_any_name(catalog: Catalog) -> None:
    for text in ("FROM .", "FROM google..", "FROM google.ml.jobs.x.", "FROM $"):
        suggest(text, "", catalog)
