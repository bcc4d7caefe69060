"""Rows as text, format by format."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from tablecloud.engine.execute import table_result
from tablecloud.errors import SettingError
from tablecloud.formats import (
    FORMATS,
    FormatOptions,
    cell_text,
    display_width,
    unique_names,
    write,
    write_rows,
)
from tablecloud.sql.plan import Table

COLUMNS = [("name", "VARCHAR"), ("count", "BIGINT"), ("labels", "JSON"), ("at", "TIMESTAMP WITH TIME ZONE")]
AT = datetime(2024, 1, 2, 3, 4, 5, 600000, tzinfo=UTC)
ROWS = [("a", 12, '{"x": [1]}', AT), (None, None, None, None), ('say "hi", you\nthere', -3, "[]", AT)]


def written(format_: str, columns=COLUMNS, rows=ROWS, **options) -> str:  # type: ignore[no-untyped-def]
    out = io.StringIO()
    assert write_rows(columns, iter(rows), out, FormatOptions(format=format_, **options)) == len(rows)
    return out.getvalue()


def test_table() -> None:
    assert written("table", [("name", "VARCHAR"), ("count", "BIGINT")], [("a", 12), (None, 3)]) == (
        "|------|-------|\n"
        "| name | count |\n"
        "|------|-------|\n"
        "| a    |    12 |\n"
        "|------|-------|\n"
        "| null |     3 |\n"
        "|------|-------|\n"
    )


def test_a_table_without_rows_is_its_header() -> None:
    assert written("table", [("x", "VARCHAR")], []) == "|---|\n| x |\n|---|\n"


def test_a_table_wraps_only_where_the_terminal_ends() -> None:
    long = "word " * 40
    wide = written("table", [("x", "VARCHAR"), ("y", "VARCHAR")], [(long, "k")])
    assert wide.count("\n") == 5
    narrow = written("table", [("x", "VARCHAR"), ("y", "VARCHAR")], [(long, "k")], width=40)
    assert {len(line) for line in narrow.splitlines()} == {40}
    assert " ".join(line.split("|")[1].strip() for line in narrow.splitlines()[3:-1]).split() == ["word"] * 40


def test_a_table_with_many_columns_in_a_small_terminal_still_ends() -> None:
    columns = [(f"c{n}", "VARCHAR") for n in range(30)]
    assert written("table", columns, [tuple("some long value" for _ in columns)], width=20)


def test_a_cell_cannot_move_the_cursor() -> None:
    text = written("table", [("x", "VARCHAR")], [("a\x1b[2Jb\tc\rd",)])
    assert "\x1b" not in text
    assert "\r" not in text
    assert "\\x1b[2Jb" in text


def test_wide_characters_keep_the_borders_straight() -> None:
    lines = written("table", [("x", "VARCHAR")], [("日本",), ("abcd",)]).splitlines()
    assert {display_width(line) for line in lines} == {8}


def test_json_has_real_values() -> None:
    found = json.loads(written("json"))
    assert found[0] == {"name": "a", "count": 12, "labels": {"x": [1]}, "at": "2024-01-02T03:04:05.600000Z"}
    assert found[1] == {"name": None, "count": None, "labels": None, "at": None}
    assert json.loads(written("json", rows=[])) == []


def test_jsonl_has_one_object_a_line() -> None:
    lines = written("jsonl").splitlines()
    assert [json.loads(line)["count"] for line in lines] == [12, None, -3]
    assert written("ndjson") == written("jsonl")
    assert written("jsonl", rows=[]) == ""


def test_json_of_nested_and_odd_values() -> None:
    columns = [
        ("l", "INTEGER[]"),
        ("s", "STRUCT(a DATE)"),
        ("m", "MAP(VARCHAR, INTEGER)"),
        ("h", "HUGEINT"),
        ("d", "DECIMAL(4,2)"),
        ("f", "DOUBLE"),
        ("z", "BLOB"),
        ("j", "JSON"),
    ]
    row = (
        [1, None],
        {"a": date(2024, 1, 2)},
        [("k", 1)],
        2**100,
        Decimal("1.50"),
        float("inf"),
        b"\xff",
        "x{",
    )
    found = json.loads(written("json", columns, [row]), parse_int=int)[0]
    assert found == {
        "l": [1, None],
        "s": {"a": "2024-01-02"},
        "m": {"k": 1},
        "h": 2**100,
        "d": 1.5,
        "f": "inf",
        "z": "\\xff",
        "j": "x{",
    }


def test_equal_names_stay_apart_in_json() -> None:
    assert unique_names(["a", "a", "a_1", "b"]) == ["a", "a_1", "a_1_1", "b"]


def test_csv_reads_back() -> None:
    text = written("csv")
    assert list(csv.reader(io.StringIO(text))) == [
        ["name", "count", "labels", "at"],
        ["a", "12", '{"x": [1]}', "2024-01-02T03:04:05.600000Z"],
        ["", "", "", ""],
        ['say "hi", you\nthere', "-3", "[]", "2024-01-02T03:04:05.600000Z"],
    ]
    assert written("csv", [("x", "VARCHAR"), ("y", "VARCHAR")], [("", None)], header=False) == '"",\n'
    assert (
        written("csv", [("x", "VARCHAR"), ("y", "VARCHAR")], [("a;b", "c,d")], delimiter=";")
        == 'x;y\n"a;b";c,d\n'
    )


def test_csv_refuses_a_delimiter_of_two_characters() -> None:
    with pytest.raises(SettingError):
        written("csv", delimiter="ab")


def test_text_and_markdown() -> None:
    columns = [("a", "VARCHAR"), ("b", "BIGINT")]
    assert written("text", columns, [("x,y", None)]) == "a,b\nx,y,null\n"
    assert written("markdown", columns, [("x|y\nz", 1)]) == "| a | b |\n| --- | ---: |\n| x\\|y<br>z | 1 |\n"
    assert written("pptext", [("a", "JSON")], [('{"k":1}',)]) == 'a\n{\n  "k": 1\n}\n'


def test_an_unknown_format_names_the_known() -> None:
    with pytest.raises(SettingError) as caught:
        written("xml")
    assert all(name in caught.value.hint for name in FORMATS)


@pytest.mark.parametrize("format_", FORMATS)
def test_rows_are_pulled_as_they_are_written(format_: str) -> None:
    """But for the table's widths, no format holds the rows back."""

    class Full(Exception):
        pass

    class Pipe(io.StringIO):
        def write(self, text: str) -> int:
            if self.tell() > 1000:
                raise Full
            return super().write(text)

    def endless():  # type: ignore[no-untyped-def]
        while True:
            yield ("x" * 10,)

    with pytest.raises(Full):
        write_rows([("x", "VARCHAR")], endless(), Pipe(), FormatOptions(format=format_))


def test_cells() -> None:
    assert [cell_text(v) for v in (None, True, 1.5, [1, "a"], {"k": None}, "s")] == [
        "null",
        "true",
        "1.5",
        '[1,"a"]',
        '{"k":null}',
        "s",
    ]


def test_write_takes_a_result() -> None:
    out = io.StringIO()
    assert write(table_result(Table(columns=("a", "b"), rows=(("x", 1), (None, 2)))), out, format="csv") == 2
    assert out.getvalue() == "a,b\nx,1\n,2\n"


def test_a_row_with_more_columns_than_the_terminal_can_show_is_lines_of_name_and_value() -> None:
    columns = [(f"column_{n}", "VARCHAR") for n in range(8)]
    row = tuple(["a value that is long enough"] * 7 + ["two\nlines"])
    out = io.StringIO()
    write_rows(columns, [row, row], out, FormatOptions(format="table", width=80))
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("-[ RECORD 1 ]")
    assert lines[1] == "column_0 | a value that is long enough"
    assert lines[8:11] == ["column_7 | two", "         | lines", "-[ RECORD 2 ]".ljust(11, "-")]
    wide = io.StringIO()
    write_rows(columns, [row], wide, FormatOptions(format="table", width=None))
    assert wide.getvalue().startswith("|---")
