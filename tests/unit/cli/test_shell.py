import pytest

from tablecloud.cli.shell import is_complete


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1;",
        "help",
        "  exit ",
        "\\q",
        "\\d google.ml.jobs",
        "",
        "-- only a remark",
        "SELECT ';';",
        "SELECT 1; -- x",
    ],
)
def test_it_is_complete(text: str) -> None:
    assert is_complete(text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "SELECT ';",
        "SELECT 1 /* ;",
        'SELECT "a;',
        "SELECT 1 -- ;",
        "SELECT 1; SELECT 2",
        "helpful",
    ],
)
def test_it_is_not(text: str) -> None:
    assert not is_complete(text)
