from __future__ import annotations

import json

import pytest

from tablecloud.errors import TransformError
from tablecloud.rest.transform.schema_xml import rows_from_xml
from tablecloud.rest.transform.shapes import FieldType, RowField

FIELDS = (
    RowField(name="volumeId"),
    RowField(name="size", type=FieldType.INTEGER),
    RowField(name="on", type=FieldType.BOOLEAN),
    RowField(name="tags", type=FieldType.ARRAY),
)


def read(text: str, fields: tuple[RowField, ...] = FIELDS, protocol: str = "query") -> dict[str, object]:
    found = json.loads(rows_from_xml(text.encode(), "line_items", fields, protocol))
    assert isinstance(found, dict)
    # Only what a row has is compared, for every row has every column.
    found["line_items"] = [{k: v for k, v in row.items() if v is not None} for row in found["line_items"]]
    return found


V1, V2 = {"volumeId": "v-1", "size": 8}, {"volumeId": "v-2"}
ONE = "<volumeId>v-1</volumeId><size>8</size>"
TWO = "<volumeId>v-2</volumeId>"


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        # The wrappers that AWS's services have.
        (f"<R><requestId>1</requestId><volumeSet><item>{ONE}</item></volumeSet></R>", [V1]),
        (
            f"<R><requestId>1</requestId><volumeSet><item>{ONE}</item><item>{TWO}</item></volumeSet></R>",
            [V1, V2],
        ),
        (
            f"<R><LResult><Vs><member>{ONE}</member><member>{TWO}</member></Vs></LResult><M><Id>1</Id></M></R>",
            [V1, V2],
        ),
        (f"<R><LResult><Vs><member>{ONE}</member></Vs></LResult></R>", [V1]),
        (f"<R><LResult><Vs><Volume>{ONE}</Volume></Vs><Marker>m</Marker></LResult></R>", [V1]),
        (f"<R><Vs>{ONE}</Vs><Vs>{TWO}</Vs></R>", [V1, V2]),
        (f"<R xmlns='u'><Vs><Volume>{ONE}</Volume><Volume>{TWO}</Volume></Vs></R>", [V1, V2]),
        # One object, bare or wrapped.
        (f"<R>{ONE}</R>", [V1]),
        (f"<R><GResult>{ONE}</GResult><M><Id>1</Id></M></R>", [V1]),
        (f"<R><Volume>{ONE}</Volume></R>", [V1]),
        (f"<R><requestId>1</requestId><Volume>{ONE}</Volume></R>", [V1]),
        (f"<R><GResult><Volume>{ONE}</Volume></GResult></R>", [V1]),
        ("<R><Volume><tags><t>1</t></tags></Volume></R>", [{"tags": {"t": "1"}}]),
        # Nothing.
        ("<R><volumeSet/></R>", []),
        ("<R><LResult><Vs/></LResult></R>", []),
        ("<R/>", []),
        ("<R>text</R>", []),
        ("", []),
        ("  ", []),
        ("<R><Names><member>a</member><member>b</member></Names></R>", []),
    ],
)
def test_rows_are_found_by_their_shape(text: str, rows: list[object]) -> None:
    assert read(text)["line_items"] == rows


def test_tokens_beside_the_list_stay() -> None:
    text = f"<R><LResult><Vs><member>{ONE}</member></Vs><NextToken>t</NextToken></LResult></R>"
    assert read(text) == {"NextToken": "t", "line_items": [V1]}
    text = f"<R xmlns='u'><IsTruncated>true</IsTruncated><Vs>{ONE}</Vs><Vs>{TWO}</Vs></R>"
    assert read(text, protocol="rest-xml") == {"IsTruncated": "true", "line_items": [V1, V2]}
    text = f"<R><Wrapper><Vs>{ONE}</Vs><Vs>{TWO}</Vs><Marker>m</Marker></Wrapper></R>"
    assert read(text, protocol="rest-xml") == {"Marker": "m", "line_items": [V1, V2]}


@pytest.mark.parametrize(
    ("kind", "xml", "value"),
    [
        (FieldType.STRING, "<x>01</x>", "01"),
        (FieldType.STRING, "<x/>", ""),
        (FieldType.STRING, "<x><y>1</y></x>", '{"y":"1"}'),
        (FieldType.STRING, "", None),
        (FieldType.INTEGER, "<x>8</x>", 8),
        (FieldType.INTEGER, "<x>12345678901234567890</x>", 12345678901234567890),
        (FieldType.INTEGER, "<x>many</x>", "many"),
        (FieldType.INTEGER, "<x>1.5</x>", "1.5"),
        (FieldType.INTEGER, "<x/>", None),
        (FieldType.NUMBER, "<x>1.5</x>", 1.5),
        (FieldType.NUMBER, "<x>true</x>", "true"),
        (FieldType.BOOLEAN, "<x>true</x>", True),
        (FieldType.BOOLEAN, "<x>False</x>", False),
        (FieldType.BOOLEAN, "<x>maybe</x>", "maybe"),
        (FieldType.BOOLEAN, "<x/>", None),
        (FieldType.ARRAY, "<x><y>1</y><y>2</y></x>", {"y": ["1", "2"]}),
        (FieldType.OBJECT, "<x/>", None),
        (FieldType.ARRAY, "<x>1</x><x>2</x>", ["1", "2"]),
    ],
)
def test_values_are_typed_by_the_schema(kind: FieldType, xml: str, value: object) -> None:
    fields = (RowField(name="id"), RowField(name="x", type=kind))
    found = json.loads(rows_from_xml(f"<R><id>1</id>{xml}</R>".encode(), "rows", fields, "rest-xml"))
    assert found == {"rows": [{"id": "1", "x": value}]}


def test_the_name_on_the_wire_is_the_schema_s() -> None:
    fields = (RowField(name="Id", element="id"),)
    assert read("<R><V><id>1</id></V><V><id>2</id></V></R>", fields)["line_items"] == [
        {"Id": "1"},
        {"Id": "2"},
    ]


def test_what_is_not_xml_is_refused() -> None:
    with pytest.raises(TransformError):
        rows_from_xml(b"{}", "rows", FIELDS, "query")
