"""Which of a row and a call fills a column that both have."""

from __future__ import annotations

from tablecloud.catalog.model import Column, Location, Parameter
from tablecloud.engine.rows import RowDecoder, faces
from tablecloud.sqltypes import SqlType


def _column(name: str) -> Column:
    return Column(name=name, path=(name,), type=SqlType.VARCHAR, json_type="string")


def _rows(parameter: Parameter, body: bytes) -> list[object]:
    columns = faces([_column(parameter.name)], [parameter.name], [parameter])
    batch = RowDecoder(columns, ()).decode(body, {parameter.name: "us-central1-a"})
    assert batch is not None
    return batch.column(0).to_pylist()


def test_an_optional_parameter_gives_way_to_the_row() -> None:
    zone = Parameter(name="zone", wire="zone", location=Location.QUERY)
    assert _rows(zone, b'{"zone": "elsewhere"}') == ["elsewhere"]
    assert _rows(zone, b"{}") == ["us-central1-a"]
