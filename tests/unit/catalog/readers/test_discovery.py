from __future__ import annotations

import json

import pytest
from discovery_documents import BOOK, OPERATIONS, SCHEMAS, TOKEN, array, document, encoded, method, record

from tablecloud.catalog.model import Form, Location, Method, Resource, Verb
from tablecloud.catalog.readers.discovery import read_outline, read_resources
from tablecloud.errors import DocumentError
from tablecloud.sqltypes import SqlType


def resources(data: bytes) -> dict[str, Resource]:
    return {r.name: r for r in read_resources(data, "library.v1.json", provider="acme", service="library")}


def named(resource: Resource, name: str) -> Method:
    (found,) = (m for m in resource.methods if m.name == name)
    return found


@pytest.fixture(scope="module")
def library() -> dict[str, Resource]:
    return resources(encoded())


def test_outline_and_resources_have_the_same_names(library: dict[str, Resource]) -> None:
    outline = read_outline(encoded(), "library.v1.json")
    assert {p.name: p.form for p in outline.placements} == {r.name: r.form for r in library.values()}
    assert set(library) == {"shelves.books", "books", "operations"}
    assert (outline.name, outline.version, outline.title) == ("library", "v1", "Library API")


def test_forms_know_each_other(library: dict[str, Resource]) -> None:
    assert (library["shelves.books"].form, library["shelves.books"].twin) == (Form.PAGE, "books")
    assert (library["books"].form, library["books"].twin) == (Form.TABLE, "shelves.books")
    assert (library["operations"].form, library["operations"].twin) == (Form.TABLE, "")


def test_the_service_is_on_every_resource(library: dict[str, Resource]) -> None:
    books = library["books"]
    assert books.id == "acme.library.books"
    assert (books.root_url, books.version, books.scopes) == (
        "https://library.example/",
        "v1",
        ("https://example/scope",),
    )
    assert books.description == "GET it."


def test_methods_come_by_verb_then_name(library: dict[str, Resource]) -> None:
    order = [(m.name, m.verb.value) for m in library["books"].methods]
    assert order == [
        ("get", "SELECT"),
        ("list", "SELECT"),
        ("create", "INSERT"),
        ("delete", "DELETE"),
        ("getIamPolicy", "EXEC"),
        ("patch", "EXEC"),
    ]


def test_patch_serves_update_too(library: dict[str, Resource]) -> None:
    assert named(library["books"], "patch").also == (Verb.UPDATE,)
    assert [m.name for m in library["books"].serving(Verb.UPDATE)] == ["patch"]


def test_an_update_by_put_serves_replace_too() -> None:
    books = {"update": method("PUT", "b/{id}"), "insert": method("POST", "b")}
    made = resources(encoded({"books": books, "pens": {"update": method("PATCH", "p")}}))
    assert named(made["books"], "update").also == (Verb.UPDATE, Verb.REPLACE)
    assert named(made["pens"], "update").also == (Verb.UPDATE,)
    assert named(made["books"], "insert").verb is Verb.INSERT


def test_parameters_are_the_flat_path_and_the_query(library: dict[str, Resource]) -> None:
    listed = named(library["books"], "list")
    assert listed.path == "v1/shelves/{shelvesId}/books"
    assert [(p.name, p.location, p.required) for p in listed.parameters] == [
        ("shelvesId", Location.PATH, True),
        ("pageSize", Location.QUERY, False),
        ("pageToken", Location.QUERY, False),
    ]
    assert listed.parameters[0].description == "Part of `parent`. The name."
    assert listed.parameters[1].type is SqlType.BIGINT


def test_without_a_flat_path_the_path_serves() -> None:
    get = method(
        "GET", "b/{+zone}/{book}", zone={"location": "path", "required": True}, book={"location": "path"}
    )
    made = named(resources(encoded({"books": {"get": get}}, service_path="lib/v1/"))["books"], "get")
    assert made.path == "lib/v1/b/{+zone}/{book}"
    assert made.required == ("zone", "book")


def test_a_required_query_parameter_is_required() -> None:
    listed = method(
        "GET", "b", part={**TOKEN, "required": True, "repeated": True, "enum": ["x", "y"], "default": "x"}
    )
    (part,) = named(resources(encoded({"books": {"list": listed}}))["books"], "list").parameters
    assert (part.required, part.repeated, part.enum, part.default) == (True, True, ("x", "y"), "x")


def test_columns_follow_the_schema(library: dict[str, Resource]) -> None:
    columns = {c.name: c for c in named(library["books"], "get").columns}
    assert {name: c.type for name, c in columns.items()} == {
        "name": SqlType.VARCHAR,
        "pages": SqlType.BIGINT,
        "sold": SqlType.BIGINT,
        "mass": SqlType.VARCHAR,
        "printed": SqlType.TIMESTAMP,
        "tags": SqlType.JSON,
        "author": SqlType.JSON,
        "shelf": SqlType.VARCHAR,
    }
    assert columns["author"].json_type == "object" and columns["author"].description == "Who wrote it."
    assert columns["tags"].json_type == "array"
    assert columns["printed"].read_only and not columns["pages"].read_only
    assert columns["pages"].path == ("pages",)


def test_the_page_shows_the_envelope_and_the_table_the_item(library: dict[str, Resource]) -> None:
    page, table = named(library["shelves.books"], "list"), named(library["books"], "list")
    assert [c.name for c in page.columns] == ["books", "nextPageToken", "warnings"] and page.items == ()
    assert table.items == ("books",)
    assert table.columns == named(library["books"], "get").columns
    assert library["shelves.books"].default_select is page


def test_get_gives_the_object_in_both_forms(library: dict[str, Resource]) -> None:
    page, table = named(library["shelves.books"], "get"), named(library["books"], "get")
    assert page.columns == table.columns and page.items == table.items == ()


def test_a_property_called_items_is_unwrapped_on_the_page_too() -> None:
    schemas = {**SCHEMAS, "Books": record(items=array("Book"), kind={"type": "string"})}
    made = resources(
        encoded({"shelves.books": {"list": method("GET", "b", response="Books")}}, schemas=schemas)
    )
    assert named(made["shelves.books"], "list").items == ("items",)


def test_body_fields_know_who_insists_on_them() -> None:
    book = record(
        name={"type": "string", "annotations": {"required": ["library.books.insert"]}},
        pages={"type": "integer"},
    )
    methods = {"insert": method("POST", "b", request="B"), "patch": method("PATCH", "b", request="B")}
    made = resources(encoded({"books": methods}, schemas={"B": book}))["books"]
    assert [(c.name, c.required) for c in named(made, "insert").body] == [("name", True), ("pages", False)]
    assert [c.required for c in named(made, "patch").body] == [False, False]


def test_resources_of_one_row_are_one_table_with_all_methods() -> None:
    tree = {"projects.operations": OPERATIONS, "projects.locations.operations": {
        "get": method("GET", "v1/{+name}", flat="v1/p/{pId}/l/{lId}", response="Operation")}}  # fmt: skip
    made = resources(encoded(tree))
    assert set(made) == {"projects.operations", "projects.locations.operations", "operations"}
    gets = [m for m in made["operations"].methods if m.name == "get"]
    assert [m.required for m in gets] == [("pId", "lId"), ("operationsId",)]
    assert made["operations"].twin == "projects.operations"
    assert made["projects.locations.operations"].twin == "operations"


def test_methods_at_the_root_belong_to_a_resource_called_as_the_service() -> None:
    whole = {**document(), "methods": {"info": {"id": "library.info", "httpMethod": "GET", "path": "i"}}}
    made = resources(json.dumps(whole).encode())
    assert [m.name for m in made["library"].methods] == ["info"]


def test_not_a_document_is_an_error_that_names_the_file() -> None:
    with pytest.raises(DocumentError, match=r"bad\.v1\.json"):
        read_outline(b'{"name": 3}', "bad.v1.json")
    with pytest.raises(DocumentError, match=r"bad\.v1\.json"):
        read_resources(b"nonsense", "bad.v1.json", provider="a", service="b")


def test_a_broken_schema_or_parameter_is_an_error_that_names_it() -> None:
    with pytest.raises(DocumentError, match="schema Book"):
        resources(encoded(schemas={**SCHEMAS, "Book": {"type": 3}}))
    with pytest.raises(DocumentError, match=r"library\.books\.get"):
        resources(encoded({"books": {"get": method("GET", "b", x={"type": []})}}))


def test_references_in_a_circle_end() -> None:
    schemas = {"A": {"$ref": "B"}, "B": {"$ref": "A"}, "Book": BOOK}
    made = resources(encoded({"books": {"get": method("GET", "b", response="A")}}, schemas=schemas))
    assert named(made["books"], "get").columns == ()
