from __future__ import annotations

import math
from pathlib import Path

import pytest

from tablecloud.jobs.builtin import table
from tablecloud.jobs.builtin.refusal import Refused


def read(tmp_path: Path, text: str) -> table.Table:
    path = tmp_path / "data.csv"
    path.write_text(text)
    return table.read(path, "gs://b/data.csv")


def test_the_first_column_is_the_target(tmp_path: Path) -> None:
    found = read(tmp_path, '1, 2,"a,b"\n\n0,,c\n')
    assert found == table.Table(targets=["1", "0"], rows=[["2", "a,b"], ["", "c"]])
    assert table.categorical(found) == [False, True]
    (first, second) = table.features(found, [False, True])
    assert first == [2.0, "a,b"]
    assert isinstance(second[0], float) and math.isnan(second[0])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "hold no record"),
        ("1\n2\n", "one column"),
        ("1,2\n1,2,3\n", "Record 2 of gs://b/data.csv has 3 columns"),
        ("1,2\n,2\n", "Record 2 of gs://b/data.csv has no target"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        read(tmp_path, text)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="gs://b/x cannot be read: No such file"):
        table.read(tmp_path / "none", "gs://b/x")


@pytest.mark.parametrize(("text", "words"), [("1,a\n", "'a', which is no number"), ("1,\n", "is missing")])
def test_plain_data_are_numbers(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        table.check_plain(read(tmp_path, text))


def test_a_split_is_the_same_each_time_and_loses_nothing() -> None:
    whole = table.Table(targets=[str(i) for i in range(10)], rows=[[str(i)] for i in range(10)])
    parts = table.split(whole, 0.3, 0.2)
    assert parts == table.split(whole, 0.3, 0.2)
    assert [len(part.rows) for part in (parts.training, parts.validation, parts.test)] == [5, 3, 2]
    together = [*parts.training.targets, *parts.validation.targets, *parts.test.targets]
    assert sorted(together) == whole.targets
    with pytest.raises(Refused, match="leave nothing"):
        table.split(whole, 0.5, 0.5)


def test_other_columns_are_refused() -> None:
    with pytest.raises(Refused, match="2 features, those to train on 1"):
        table.features(table.Table(targets=["1"], rows=[["1", "2"]]), [False])
