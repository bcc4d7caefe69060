from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from discovery_documents import array, record

from tablecloud.catalog.model import Form
from tablecloud.catalog.readers.document import DocumentMethod, SchemaName, Schemas
from tablecloud.catalog.readers.rows import RowShape, columns_of, row_name, row_shape

THING = record(name={"type": "string"})
OTHER = record(code={"type": "string"})
STRINGS = {"type": "array", "items": {"type": "string"}}


def schemas(**named: Any) -> Schemas:
    texts = {"Thing": THING, "Other": OTHER, **named}
    return Schemas({name: msgspec.Raw(json.dumps(schema).encode()) for name, schema in texts.items()})


def shape(
    envelope: Any, *, segment: str = "things", subject: str = "", form: Form = Form.TABLE, name: str = "list"
) -> RowShape:
    method = DocumentMethod(id="x", http_method="GET", path="", response=SchemaName(ref="Envelope"))
    return row_shape(schemas(Envelope=envelope), name, method, form, segment, subject)


@pytest.mark.parametrize(
    ("properties", "options", "expected"),
    [
        ({"things": array("Thing"), "others": array("Other")}, {}, ("things",)),
        ({"THINGS": array("Thing"), "others": array("Other")}, {}, ("THINGS",)),
        ({"rows": array("Thing"), "others": array("Other")}, {"subject": "Thing"}, ("rows",)),
        ({"items": array("Thing"), "others": array("Other")}, {}, ("items",)),
        ({"rows": array("Thing"), "missing": STRINGS}, {}, ("rows",)),
        ({"allThings": array("Thing"), "others": array("Other")}, {}, ("allThings",)),
        ({"names": STRINGS, "nextPageToken": {"type": "string"}}, {}, ("names",)),
        ({"left": array("Thing"), "right": array("Other")}, {}, ()),
        ({"one": {"$ref": "Thing"}}, {}, ()),
        ({"extensions": {"type": "array", "items": {"type": "object"}}}, {}, ()),
        ({"things": array("Thing")}, {"name": "get"}, ()),
        ({"things": array("Thing")}, {"form": Form.PAGE}, ()),
        ({"items": array("Thing")}, {"form": Form.PAGE}, ("items",)),
        ({"things": array("Thing")}, {"name": "listAll"}, ()),
    ],
)
def test_where_the_rows_are(properties: Any, options: Any, expected: tuple[str, ...]) -> None:
    assert shape(record(**properties), **options).items == expected


def test_an_aggregated_list_is_an_object_of_lists() -> None:
    scoped = record(things=array("Thing"), warning={"type": "object"})
    items = {"type": "object", "additionalProperties": scoped}
    found = shape(record(items=items, unreachables=STRINGS), name="aggregatedList", subject="Thing")
    assert found.items == ("items", "*", "things")
    assert found.schema.ref == "Thing"


def test_rows_that_are_no_objects_have_one_column() -> None:
    found = shape(record(names=STRINGS))
    (column,) = columns_of(schemas(), found.schema)
    assert (column.name, column.path, column.json_type) == ("value", (), "string")


def test_two_resources_of_one_item_schema_have_one_row_name() -> None:
    def named(envelope: Any) -> str:
        methods = {
            "list": DocumentMethod(id="x", http_method="GET", path="", response=SchemaName(ref="Envelope"))
        }
        return row_name(schemas(Envelope=envelope), methods, "things")

    assert named(record(things=array("Thing"))) == named(record(rows=array("Thing"))) == "Thing"
    assert named(record(things=array("Other"))) == "Other"


def test_a_resource_that_select_does_not_reach_has_no_row_name() -> None:
    posts = {"list": DocumentMethod(id="x", http_method="POST", path="")}
    assert row_name(schemas(), posts, "things") == ""
