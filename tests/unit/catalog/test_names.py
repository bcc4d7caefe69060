from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from tablecloud.catalog.names import DocumentTitle, highest_stable, name_services, name_tables


def titles(*specs: str) -> list[DocumentTitle]:
    return [
        DocumentTitle(name=s.split(":")[0], version=s.split(":")[1], file=s.replace(":", ".") + ".json")
        for s in specs
    ]


def service_names(specs: list[str], preferred: dict[str, str] | None = None) -> dict[str, str]:
    return {
        f"{s.title.name}:{s.title.version}": s.name for s in name_services(titles(*specs), preferred or {})
    }


def table_names(rows: dict[str, str]) -> dict[str, str]:
    tables = name_tables({tuple(path.split(".")): word for path, word in rows.items()})
    return {".".join(path): table.name for table in tables for path in table.paths}


def test_the_index_decides_which_version_stands_bare() -> None:
    assert service_names(["c:alpha", "c:v1", "c:v2"], {"c": "v1"}) == {
        "c:alpha": "c_alpha",
        "c:v1": "c",
        "c:v2": "c_v2",
    }


def test_without_the_index_the_highest_stable_version_stands_bare() -> None:
    assert service_names(["ai:v1", "ai:v1beta1", "ai:v2alpha"], {"ai": "v9"})["ai:v1"] == "ai"
    assert highest_stable(["v2", "v10", "v11beta", "v1p9beta1"]) == "v10"
    assert highest_stable(["v1alpha", "v2alpha1"]) == "v2alpha1"
    assert highest_stable(["beta", "v1"]) == "v1"
    assert highest_stable(["accounts_v1", "products_v1"]) == "accounts_v1"


def test_a_dot_in_a_version_does_not_reach_the_name() -> None:
    assert service_names(["store:v1.1", "store:v2"])["store:v1.1"] == "store_v1_1"


def test_of_two_documents_with_one_title_the_first_file_is_kept() -> None:
    twice = [
        DocumentTitle(name="admin", version="v1", file="admin.v1.json"),
        DocumentTitle(name="admin", version="v1", file="admin.a1.json"),
    ]
    assert [s.title.file for s in name_services(twice, {})] == ["admin.a1.json"]


def test_a_versioned_name_yields_to_a_service_really_called_so() -> None:
    assert service_names(["a:v1", "a:v2", "a_v1:v1"]) == {"a:v1": "a_v1_2", "a:v2": "a", "a_v1:v1": "a_v1"}


def test_one_path_is_called_by_its_last_segment() -> None:
    assert table_names({"projects.jobs": "Job"}) == {"projects.jobs": "jobs"}


def test_paths_that_end_alike_and_list_alike_are_one_table() -> None:
    rows = {"projects.operations": "Operation", "projects.locations.operations": "Operation"}
    tables = name_tables({tuple(path.split(".")): word for path, word in rows.items()})
    assert [(t.name, [len(p) for p in t.paths]) for t in tables] == [("operations", [2, 3])]


def test_different_rows_get_the_shortest_telling_suffix() -> None:
    rows = {"projects.models": "A", "projects.publishers.models": "B", "projects.models.versions": "V"}
    assert table_names(rows) == {
        "projects.models": "projects_models",
        "projects.publishers.models": "publishers_models",
        "projects.models.versions": "versions",
    }


def test_a_path_of_one_segment_keeps_its_name() -> None:
    assert table_names({"jobs": "A", "projects.jobs": "B"}) == {
        "jobs": "jobs",
        "projects.jobs": "projects_jobs",
    }


def test_resources_that_list_nothing_stay_apart() -> None:
    assert table_names({"a.debug": "", "b.debug": ""}) == {"a.debug": "a_debug", "b.debug": "b_debug"}


def test_a_joined_name_gives_way_to_a_segment_of_that_name() -> None:
    rows = {"x.a_b": "S", "q.a.b": "A", "c.b": "B"}
    names = table_names(rows)
    assert names["x.a_b"] == "a_b" and names["q.a.b"] == "q_a_b"


WORDS = st.sampled_from(["a", "b", "A", "a_b", "jobs"])
PATHS = st.lists(WORDS, min_size=1, max_size=4).map(tuple)


@given(st.dictionaries(PATHS, st.sampled_from(["", "X", "Y"]), max_size=12), st.randoms())
def test_every_path_has_one_table_and_no_two_tables_one_name(
    rows: dict[tuple[str, ...], str], order: random.Random
) -> None:
    tables = name_tables(rows)
    assert sorted(path for table in tables for path in table.paths) == sorted(rows)
    spelled = [table.name.lower() for table in tables]
    assert len(set(spelled)) == len(spelled)
    shuffled = list(rows.items())
    order.shuffle(shuffled)
    assert name_tables(dict(shuffled)) == tables
