from __future__ import annotations

import pytest

from tablecloud.errors import SqlError, SqlSyntaxError
from tablecloud.sql.pointing import Instead, cut, join, pointing_into, render


def _render(text: str, start: int, end: int, **more: str) -> list[str]:
    return render(SqlError("wrong", text=text, span=(start, end), **more)).splitlines()


def test_render_draws_line_caret_and_hint() -> None:
    assert _render("SELECT 1,\n  nope\nFROM t", 12, 16, hint="try") == [
        "wrong",
        "LINE 2:   nope",
        "          ^^^^",
        "hint: try",
    ]


def test_render_without_a_place_is_the_message() -> None:
    assert render(SqlError("wrong")) == "wrong"


@pytest.mark.parametrize(
    ("text", "start", "end", "caret"),
    [
        ("\tx", 1, 2, 9),
        ("名前 x", 3, 4, 13),
        ("e\u0301 x", 3, 4, 10),
        ("abc", 3, 3, 11),
        ("abc", 2, 99, 10),
    ],
)
def test_the_caret_stands_under_its_word(text: str, start: int, end: int, caret: int) -> None:
    _, line, under = _render(text, start, end)
    assert line.startswith("LINE 1: ")
    assert under.index("^") == caret
    assert under.count("^") == 1


def test_a_wide_word_has_a_wide_caret() -> None:
    assert _render("名前", 0, 2)[2].count("^") == 4


def test_a_long_line_is_cut_around_the_caret() -> None:
    text = "a" * 200 + " culprit " + "b" * 200
    _, line, under = _render(text, 201, 208)
    assert len(line) < 130
    assert line[under.index("^") : under.rindex("^") + 1] == "culprit"
    assert "…" in (line[8], line[-1])


def test_a_fragment_maps_places_back() -> None:
    script = "xx abc yy ? zz"
    made = join(script, ["SELECT ", (3, 6), " AND ", Instead(span=(10, 11), text="$12"), (11, 14)])
    assert made.text == "SELECT abc AND $12 zz"
    assert made.locate((7, 10)) == (3, 6)
    assert made.locate((8, 9)) == (4, 5)
    assert made.locate((15, 18)) == (10, 11)
    assert made.locate((15, 21)) == (10, 14)
    assert made.locate((0, 3)) is None


def test_errors_inside_point_into_the_script() -> None:
    with pytest.raises(SqlSyntaxError) as caught, pointing_into(cut("a; bcd", (3, 6))):
        raise SqlSyntaxError("no", text="bcd", span=(1, 2))
    assert (caught.value.text, caught.value.span) == ("a; bcd", (4, 5))


def test_errors_that_point_already_are_left_alone() -> None:
    with pytest.raises(SqlSyntaxError) as caught, pointing_into(cut("a; bcd", (3, 6))):
        raise SqlSyntaxError("no", text="other", span=(1, 2))
    assert (caught.value.text, caught.value.span) == ("other", (1, 2))
