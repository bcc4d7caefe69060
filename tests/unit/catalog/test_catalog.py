from __future__ import annotations

import pytest
from discovery_documents import document, folder_source

from tablecloud.catalog.catalog import Catalog
from tablecloud.catalog.model import Form
from tablecloud.errors import CatalogError, UnknownMethod, UnknownProvider, UnknownResource, UnknownService


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    folder = tmp_path_factory.mktemp("catalog")
    documents = document(), document(name="archive"), document(name="archive", version="v2")
    return Catalog.open(folder, sources=[folder_source(folder, *documents, preferred={"archive": "v1"})])


def test_names_are_listed_as_spelled(catalog: Catalog) -> None:
    assert catalog.providers() == ["acme"]
    assert [e.name for e in catalog.services("ACME")] == ["archive", "archive_v2", "library"]
    assert [(e.name, e.form) for e in catalog.resources("acme", "Library")] == [
        ("books", Form.TABLE),
        ("operations", Form.TABLE),
        ("shelves.books", Form.PAGE),
    ]


def test_services_know_their_version(catalog: Catalog) -> None:
    found = {e.name: (e.version, e.preferred) for e in catalog.services("acme")}
    assert found == {"archive": ("v1", True), "archive_v2": ("v2", False), "library": ("v1", True)}
    assert catalog.provider_version("acme") == ""


@pytest.mark.parametrize(
    "path",
    [
        ("acme", "library", "shelves", "books"),
        ("ACME", "Library", "SHELVES.Books"),
        ("acme.library.shelves.books",),
    ],
)
def test_case_and_the_place_of_dots_do_not_matter(catalog: Catalog, path: tuple[str, ...]) -> None:
    assert catalog.resource(path).id == "acme.library.shelves.books"


@pytest.mark.parametrize(
    ("path", "kind", "near", "hint"),
    [
        (("acne", "library", "books"), UnknownProvider, "'acme'", "SHOW PROVIDERS"),
        (("acme", "librari", "books"), UnknownService, "'library'", "SHOW SERVICES IN acme"),
        (
            ("acme", "library", "BOOK"),
            UnknownResource,
            "did you mean 'books'?",
            "SHOW RESOURCES IN acme.library",
        ),
        (("acme", "library"), UnknownResource, "acme.library", "google.ml.jobs"),
    ],
)
def test_unknown_names_come_with_the_nearest_ones(
    catalog: Catalog, path: tuple[str, ...], kind: type[CatalogError], near: str, hint: str
) -> None:
    with pytest.raises(kind) as caught:
        catalog.resource(path)
    assert near in caught.value.message and hint in caught.value.hint


def test_a_name_like_nothing_has_no_suggestion(catalog: Catalog) -> None:
    with pytest.raises(UnknownService) as caught:
        catalog.services("acme") and catalog.service("acme", "zzzzzz")
    assert "did you mean" not in caught.value.message


def test_methods_are_found_by_name(catalog: Catalog) -> None:
    resource, (found,) = catalog.method(("acme", "library", "books", "GETIAMPOLICY"))
    assert (resource.name, found.name) == ("books", "getIamPolicy")
    with pytest.raises(UnknownMethod, match="'list'") as caught:
        catalog.method(("acme", "library", "books", "lost"))
    assert "SHOW METHODS IN acme.library.books" in caught.value.hint


@pytest.mark.parametrize(
    ("prefix", "names"),
    [
        ("", ["acme"]),
        ("AC", ["acme"]),
        ("acme.ar", ["acme.archive", "acme.archive_v2"]),
        ("acme.library.sh", ["acme.library.shelves.books"]),
        ("acme.library.Shelves.b", ["acme.library.shelves.books"]),
        ("acme.nothing.x", []),
        ("zzz.", []),
    ],
)
def test_completion_goes_one_step(catalog: Catalog, prefix: str, names: list[str]) -> None:
    assert catalog.complete(prefix) == names


def test_a_closed_catalog_opens_again(catalog: Catalog) -> None:
    catalog.close()
    assert catalog.services("acme")
