from __future__ import annotations

import pytest
from discovery_documents import document, folder_source, method

from tablecloud.catalog.catalog import Catalog
from tablecloud.errors import NotSupported, UnknownMethod, UnknownProvider, UnknownService
from tablecloud.sql import metadata
from tablecloud.sql.plan import Scalar, Table

BOOKS = ("acme", "library", "books")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    folder = tmp_path_factory.mktemp("metadata")
    pens = document({"pens": {"write": method("POST", "pens", request="Book")}}, name="pens")
    return Catalog.open(folder, sources=[folder_source(folder, document(), document(version="v2"), pens)])


def records(table: Table) -> list[dict[str, Scalar]]:
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def column(table: Table, name: str) -> list[Scalar]:
    return [record[name] for record in records(table)]


def test_providers(catalog: Catalog) -> None:
    assert metadata.show_providers(catalog) == Table(columns=("name", "version"), rows=(("acme", ""),))
    assert records(metadata.show_providers(catalog, extended=True)) == [
        {"name": "acme", "version": "", "services": 3}
    ]
    assert metadata.show_providers(catalog, "b%").rows == ()


def test_services(catalog: Catalog) -> None:
    plain = metadata.show_services(catalog, "acme")
    assert plain.columns == ("id", "name", "title")
    assert plain.rows[0] == ("library:v2", "library", "Library API")
    extended = metadata.show_services(catalog, "acme", None, True)
    assert extended.columns == ("id", "name", "title", "description", "version", "preferred")
    assert column(extended, "preferred") == [True, False, True]


@pytest.mark.parametrize(
    ("like", "names"),
    [
        ("%", ["library", "library_v1", "pens"]),
        ("LIB%", ["library", "library_v1"]),
        ("pen_", ["pens"]),
        ("%:v2", ["library"]),
        ("ibrary", []),
        ("l.brary", []),
    ],
)
def test_like_has_two_wildcards_and_no_case(catalog: Catalog, like: str, names: list[str]) -> None:
    assert column(metadata.show_services(catalog, "acme", like), "name") == names


def test_resources_are_shown_in_both_forms(catalog: Catalog) -> None:
    plain = metadata.show_resources(catalog, ("acme", "library"))
    assert plain.columns == ("name", "id")
    assert column(plain, "id") == [
        "acme.library.books",
        "acme.library.operations",
        "acme.library.shelves.books",
    ]
    assert column(metadata.show_resources(catalog, ("acme", "library"), None, True), "form") == [
        "table",
        "table",
        "page",
    ]
    assert column(metadata.show_resources(catalog, ("acme", "library"), "shelves%"), "name") == [
        "shelves.books"
    ]
    with pytest.raises(UnknownService, match="'acme' does not name a service"):
        metadata.show_resources(catalog, ("acme",))


def test_methods(catalog: Catalog) -> None:
    plain = metadata.show_methods(catalog, BOOKS)
    assert plain.columns == ("MethodName", "RequiredParams", "SQLVerb")
    assert plain.rows[0] == ("get", "booksId, shelvesId", "SELECT")
    assert plain.rows[-1] == ("patch", "booksId, shelvesId", "EXEC")
    (patch,) = records(metadata.show_methods(catalog, BOOKS, "p%", True))
    assert patch["AlsoServes"] == "UPDATE"
    assert patch["Request"] == "PATCH v1/shelves/{shelvesId}/books/{booksId}"


def test_describe_gives_the_columns_of_select(catalog: Catalog) -> None:
    table = metadata.describe(catalog, BOOKS)
    assert table.columns == ("name", "type")
    assert ("pages", "integer") in table.rows and ("author", "object") in table.rows
    assert column(metadata.describe(catalog, ("acme", "library", "shelves", "books")), "name") == [
        "books",
        "nextPageToken",
        "warnings",
    ]


def test_describe_extended_adds_the_parameters_and_their_users(catalog: Catalog) -> None:
    found = {(r["kind"], r["name"]): r for r in records(metadata.describe(catalog, BOOKS, True))}
    assert found["column", "printed"]["sql_type"] == "TIMESTAMP WITH TIME ZONE"
    assert (
        found["parameter", "booksId"]["used_by"]
        == "get (path, required), delete (path, required), patch (path, required)"
    )
    assert found["parameter", "pageSize"]["used_by"] == "list (query, optional)"
    assert found["parameter", "pageSize"]["type"] == "integer"


def test_describe_without_select_says_what_there_is(catalog: Catalog) -> None:
    with pytest.raises(NotSupported, match=r"acme\.pens\.pens") as caught:
        metadata.describe(catalog, ("acme", "pens", "pens"))
    assert "SHOW METHODS IN acme.pens.pens" in caught.value.hint


def test_describe_method(catalog: Catalog) -> None:
    table = metadata.describe_method(catalog, (*BOOKS, "create"))
    assert table.columns == ("name", "type", "param_type", "shape")
    assert table.rows[0] == ("shelvesId", "string", "input_required", "")
    assert ("data__pages", "integer", "input_optional", '{"format":"int32"}') in table.rows
    assert ("done", "boolean", "output", "") in table.rows
    assert "data__printed" not in column(table, "name")
    extended = metadata.describe_method(catalog, (*BOOKS, "create"), True)
    assert set(column(extended, "request")) == {"POST v1/shelves/{shelvesId}/books"}
    with pytest.raises(UnknownMethod):
        metadata.describe_method(catalog, (*BOOKS, "burn"))


def test_version() -> None:
    from tablecloud import __version__

    assert metadata.show_version().rows == ((__version__,),)
    assert metadata.show_version(True).columns == ("version", "python", "platform")


def test_unknown_names_pass_through(catalog: Catalog) -> None:
    with pytest.raises(UnknownProvider):
        metadata.show_services(catalog, "nobody")
