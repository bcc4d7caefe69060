from __future__ import annotations

import json

import pytest
from registry_documents import PATHS, RESOURCES, method, operation, record, resource, service

from tablecloud.catalog.model import Follow, Location, Method, Pagination, Reshape, Resource, Verb
from tablecloud.catalog.readers.openapi import ServicePlace, read_service
from tablecloud.catalog.readers.yaml_text import read_yaml
from tablecloud.errors import DocumentError
from tablecloud.sqltypes import SqlType


def read(document=None, **place) -> dict[str, Resource]:
    text = json.dumps(service() if document is None else document).encode()
    found = read_service(
        read_yaml(text, "billing.yaml"), ServicePlace(provider="acme", service="billing", **place)
    )
    return {resource.name: resource for resource in found}


def named(resource: Resource, name: str) -> Method:
    return next(m for m in resource.methods if m.name == name)


@pytest.fixture(scope="module")
def billing() -> dict[str, Resource]:
    return read()


def test_methods_stand_in_the_documents_order_of_each_verb(billing) -> None:
    invoices = billing["invoices"]
    assert [(m.name, m.verb.value) for m in invoices.methods] == [
        ("get", "SELECT"),
        ("list", "SELECT"),
        ("create", "INSERT"),
        ("update", "UPDATE"),
        ("delete", "DELETE"),
        ("void", "EXEC"),
    ]
    assert invoices.ordered and invoices.id == "acme.billing.invoices"
    assert invoices.default_select is invoices.methods[0]
    assert invoices.description == "all invoices"


def test_without_a_word_on_verbs_the_usual_names_count(billing) -> None:
    assert {m.name: m.verb for m in billing["quiet"].methods} == {"list": Verb.SELECT, "insert": Verb.INSERT}


def test_a_verb_with_an_empty_list_is_not_served() -> None:
    document = service()
    document["components"]["x-stackQL-resources"] = {
        "quiet": {"methods": {"list": method("/names", "get")}, "sqlVerbs": {"select": []}}
    }
    assert [m.verb for m in read(document)["quiet"].methods] == [Verb.EXEC]


def test_a_resource_of_views_has_no_methods(billing) -> None:
    assert billing["view_only"].methods == ()


def test_parameters_of_path_item_and_operation_and_server(billing) -> None:
    found = {p.name: p for p in named(billing["invoices"], "list").parameters}
    assert list(found) == ["account", "kinds", "since", "pageSize", "acme-version", "region", "host"]
    assert found["account"].required and found["account"].location is Location.PATH
    assert (found["kinds"].repeated, found["kinds"].joined) == (True, ",")
    # The default is sent, so nobody need give it.
    assert (found["acme-version"].required, found["acme-version"].default) == (False, "2024-01-01")
    assert (found["region"].location, found["region"].required) == (Location.SERVER, False)
    assert billing["invoices"].root_url == "https://{region}.{host}/v1/"


def test_an_empty_default_of_a_server_variable_is_none() -> None:
    servers = [{"url": "https://{host}/", "variables": {"host": {"default": ""}}}]
    (host,) = read(service(servers=servers))["names"].methods[0].parameters
    assert host.required


def test_path_values_keep_their_slashes_and_verbs_stay(billing) -> None:
    assert named(billing["invoices"], "void").path == "/accounts/{+account}/invoices/{+id}:void"


def test_columns_come_from_composition_with_the_contracts_types(billing) -> None:
    columns = {c.name: c.type for c in named(billing["invoices"], "list").columns}
    assert columns == {
        "id": SqlType.VARCHAR,
        "amount": SqlType.DOUBLE,
        "paid": SqlType.BOOLEAN,
        "issued": SqlType.VARCHAR,
        "customer": SqlType.JSON,
        "lines": SqlType.JSON,
        "odd": SqlType.VARCHAR,
    }
    assert named(billing["invoices"], "list").items == ("items",)
    assert named(billing["invoices"], "get").items == ()
    assert named(billing["invoices"], "delete").columns == ()


def test_items_are_unwrapped_without_an_object_key() -> None:
    document = service()
    document["components"]["x-stackQL-resources"] = {
        "quiet": {"methods": {"list": method("/accounts/{account}/invoices", "get")}}
    }
    assert read(document)["quiet"].methods[0].items == ("items",)


def test_an_object_key_of_several_steps(billing) -> None:
    usage = billing["usage"].methods[0]
    assert usage.items == ("result", "usage")
    assert [(c.name, c.type) for c in usage.columns] == [("day", SqlType.VARCHAR), ("total", SqlType.BIGINT)]
    assert usage.path == "/report?api=2"


def test_an_object_key_that_the_schema_does_not_know() -> None:
    document = service()
    document["components"]["x-stackQL-resources"] = {
        "quiet": {"methods": {"list": method("/report?api=2", "get", response={"objectKey": "$.gone"})}}
    }
    found = read(document)["quiet"].methods[0]
    assert (found.items, [c.name for c in found.columns]) == ((), ["result"])


def test_rows_that_are_no_objects_have_one_column(billing) -> None:
    (column,) = billing["names"].methods[0].columns
    assert (column.name, column.path, column.type) == ("column_anon", (), SqlType.VARCHAR)


def test_bodies_have_fields_names_and_constants(billing) -> None:
    create, update = named(billing["invoices"], "create"), named(billing["invoices"], "update")
    assert [f.name for f in create.body if f.required] == ["customer"]
    assert create.body_rules.base == '{"currency": "EUR"}' and create.body_rules.bare_names
    assert update.body_rules.base == "" and not update.body_rules.bare_names


def test_a_select_by_post_takes_the_bodys_fields_as_parameters(billing) -> None:
    search = named(billing["hits"], "search")
    assert {p.name: p.location for p in search.parameters if p.location is not Location.SERVER} == {
        "query": Location.BODY,
        "limit": Location.BODY,
        "kinds": Location.BODY,
        "NextToken": Location.BODY,
    }
    assert search.required == ("query",)
    assert named(billing["hits"], "remove").required == ("id",)
    asked = [p.name for p in named(billing["hits"], "change").parameters if p.location is Location.BODY]
    assert asked == ["id"]
    assert not [p for p in named(billing["invoices"], "create").parameters if p.location is Location.BODY]


def test_templates_that_say_where_rows_are(billing) -> None:
    people, tags = billing["people"].methods[0], billing["tags"].methods[0]
    assert (people.items, [c.name for c in people.columns]) == ((), ["name", "parent"])
    assert tags.items == ("tags",)
    assert [(c.name, c.path, c.type) for c in tags.columns] == [("tag", (), SqlType.VARCHAR)]
    assert not people.unsupported and not tags.unsupported


def test_templates_that_flatten(billing) -> None:
    machines = billing["machines"].methods[0]
    assert (machines.reshape, machines.items) == (Reshape.FLATTEN_LIST, ("value",))
    assert machines.path == "/machines?v=2", "what begins with __ only keeps keys apart"


def test_what_cannot_be_called_says_why(billing) -> None:
    assert [m.unsupported for m in billing["strange"].methods] == [
        "its answers need the template language starlark_v1",
        "it answers with text/csv",
    ]
    missing = {"x": {"methods": {"list": method("/nowhere", "get")}}}
    document = service(components={"x-stackQL-resources": missing})
    assert read(document)["x"].methods[0].unsupported == "the document does not have its operation"


def test_nothing_said_of_paging_is_a_guess_for_reads_alone(billing) -> None:
    paging = named(billing["invoices"], "list").pagination
    assert paging is not None and paging.follow is Follow.GUESS
    assert named(billing["invoices"], "create").pagination is None


def test_paging_is_taken_key_by_key_from_the_nearest_level() -> None:
    of_service = {
        "requestToken": {"key": "page", "location": "query"},
        "responseToken": {"key": "$.meta.next", "location": "body"},
    }
    document = service(**{"x-stackQL-config": {"pagination": of_service}})
    document = json.loads(json.dumps(document))
    lists = document["components"]["x-stackQL-resources"]["names"]["methods"]["list"]
    lists["config"] = {"pagination": {"responseToken": {"key": "Link", "location": "header"}}}
    found = read(document, configs=({"pagination": {"algorithm": "page_number"}},))
    assert named(found["names"], "list").pagination == Pagination(
        request="page", response=("Link",), follow=Follow.NUMBER, header=True
    )
    assert named(found["invoices"], "get").pagination.response == ("meta", "next")


def test_snake_case_names_columns_and_parameters_and_keeps_the_wire(billing) -> None:
    machines = read(snake_case=True)["machines"].methods[0]
    assert [(c.name, c.path) for c in machines.columns][1] == ("vm_size", ("vmSize",))


def test_an_operation_may_have_servers_of_its_own() -> None:
    document = json.loads(json.dumps(service()))
    document["paths"]["/names"]["get"]["servers"] = [{"url": "https://names.test/{part}"}]
    found = read(document)["names"].methods[0]
    assert found.root_url == "https://names.test/{part}"
    assert [p.name for p in found.parameters] == ["part"]


def test_every_method_of_the_test_document_is_read_once(billing) -> None:
    assert sum(len(r.methods) for r in billing.values()) == sum(
        len(r.get("methods", {})) for r in RESOURCES.values()
    )
    assert len(PATHS) == 12


@pytest.mark.parametrize("text", [b"- a\n- b\n", b"a: [", b"\xff\xfe\x00"])
def test_what_is_no_document(text: bytes) -> None:
    with pytest.raises(DocumentError, match=r"billing\.yaml"):
        read_yaml(text, "billing.yaml")


def test_numbers_beyond_the_parser_do_not_spoil_a_document() -> None:
    assert read_yaml(b"maximum: 18446744073709552000\nb: 1\n", "x")["b"] == 1


def test_signed_services_have_a_name_for_signatures() -> None:
    aws = ({"auth": {"type": "aws_signing_v4"}},)
    assert read(configs=aws)["names"].signing_service == "billing"
    named_so = service(info={"title": "billing", "x-serviceName": "bill"})
    assert read(named_so, configs=aws)["names"].signing_service == "bill"
    assert read(configs=({"auth": {"type": "bearer"}},))["names"].signing_service == ""


def operations(*members: str, error: object = None) -> dict[str, object]:
    """A document with one method that begins something, and a GET of what it answers with."""
    schema = record(**{name: {"type": "string"} for name in members} | ({"error": error} if error else {}))
    answers = operation({"$ref": "#/components/schemas/Op"})
    return service(
        paths={"/v1/things": {"post": answers, "get": answers}, "/v1/ops/{id}": {"get": answers}},
        components={
            "schemas": {"Op": schema},
            "x-stackQL-resources": {
                "things": resource(
                    "things",
                    {"create": method("/v1/things", "post"), "list": method("/v1/things", "get")},
                    insert=["create"],
                    select=["list"],
                )
            },
        },
    )


def test_an_operation_is_polled_as_discovery_documents_have_it() -> None:
    generic = read(operations("name", "done", "error", "response"))["things"]
    rule = named(generic, "create").long_running
    assert rule is not None and rule.poll == "v1/{+name}" and rule.result == ("response",)
    assert named(generic, "list").long_running is None
    errors = {"type": "object", "properties": {"errors": {"type": "array", "items": {"type": "object"}}}}
    linked = read(operations("selfLink", "status", "targetLink", error=errors))["things"]
    rule = named(linked, "create").long_running
    assert rule is not None and rule.poll == "{+selfLink}" and rule.message[1] == "errors"
    assert named(read(operations("name", "done"))["things"], "create").long_running is None


def test_a_variable_of_the_server_goes_before_a_field_of_the_body() -> None:
    document = json.loads(json.dumps(service()))
    search = document["components"]["schemas"]["Search"]
    search["properties"]["region"] = {"type": "string"}
    found = {p.name: p.location for p in named(read(document)["hits"], "search").parameters}
    assert found["region"] is Location.SERVER
