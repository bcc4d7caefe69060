"""Which column of a listed row addresses it, over the bundled documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from tablecloud.catalog.catalog import Catalog


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return Catalog.open(Path(tmp_path_factory.mktemp("catalog")))


@pytest.mark.parametrize(
    ("table", "identity"),
    [
        ("google.compute.instances", {"name": "instance"}),
        ("google.storage.buckets", {"name": "bucket"}),
        ("google.drive.files", {"id": "fileId"}),
        ("google.ml.jobs", {"jobId": "jobsId"}),  # the overlay's word
        ("google.pubsub.topics", {}),  # the row's name is the whole path, the parameter only its end
        ("google.classroom.topics", {}),  # rows have topicId, the parameter is called id
    ],
)
def test_the_list_says_how_its_rows_are_addressed(
    catalog: Catalog, table: str, identity: dict[str, str]
) -> None:
    resource = catalog.resource(table.split("."))
    lister = next(method for method in resource.methods if method.name == "list")
    assert lister.identity == identity
