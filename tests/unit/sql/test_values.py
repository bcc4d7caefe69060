from __future__ import annotations

from typing import Any

import pytest

from tablecloud.catalog.model import Location, Parameter
from tablecloud.errors import InvalidValue
from tablecloud.sql.tree import parse
from tablecloud.sql.values import as_text, constant, fit
from tablecloud.sqltypes import SqlType


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("'a''b'", "a'b"),
        ("e'a\\n'", "a\n"),
        ("$$x$$", "x"),
        ("1_000", 1000),
        ("-5", -5),
        ("- 1.5", -1.5),
        ("true", True),
        ("NULL", None),
        ("$p", "given"),
        ("-$n", -2),
        ("CAST('7' AS BIGINT)", 7),
        ("7::VARCHAR", "7"),
        ("'1.5'::DOUBLE", 1.5),
        ("DATE '2024-01-01'", "2024-01-01"),
        ("'a' || 'b'", "ab"),
        ("CAST(NULL AS INTEGER)", None),
    ],
)
def test_constants(sql: str, value: object) -> None:
    found = constant(_item(sql), {"p": "given", "n": 2})
    assert found == (value,)
    assert type(found[0]) is type(value)


@pytest.mark.parametrize(
    "sql", ["a", "lower('x')", "'x' || a", "1 + 1", "'x'::INTEGER", "(SELECT 1)", "[1]", "'x'::BLOB"]
)
def test_what_is_no_constant(sql: str) -> None:
    assert constant(_item(sql), {}) is None


def test_a_missing_prepared_value_is_named() -> None:
    with pytest.raises(InvalidValue, match=r"\$q"):
        constant(_item("$q"), {"p": 1})


def _item(sql: str) -> dict[str, Any]:
    item: dict[str, Any] = parse(f"SELECT {sql}").root["select_list"][0]
    return item


@pytest.mark.parametrize(
    ("value", "type_", "expected"),
    [
        ("5", SqlType.BIGINT, 5),
        (5.0, SqlType.BIGINT, 5),
        (5, SqlType.VARCHAR, "5"),
        (True, SqlType.VARCHAR, "true"),
        ("1.5", SqlType.DOUBLE, 1.5),
        ("TRUE", SqlType.BOOLEAN, True),
        (0, SqlType.BOOLEAN, False),
        (None, SqlType.BIGINT, None),
    ],
)
def test_fit(value: Any, type_: SqlType, expected: object) -> None:
    found = fit(value, _parameter(type_))
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "type_"), [("x", SqlType.BIGINT), (1.5, SqlType.BIGINT), ("x", SqlType.BOOLEAN)]
)
def test_what_does_not_fit(value: Any, type_: SqlType) -> None:
    with pytest.raises(InvalidValue, match="size takes"):
        fit(value, _parameter(type_))


def _parameter(type_: SqlType) -> Parameter:
    return Parameter(name="size", wire="size", location=Location.QUERY, type=type_)


def test_as_text() -> None:
    assert [as_text(value) for value in (True, False, 2.0, 2.5, 3, "x", None)] == [
        "true",
        "false",
        "2",
        "2.5",
        "3",
        "x",
        "",
    ]
