from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tablecloud.jobs.prediction.csv_rows import columns_of, header, rows


def table(*predictions: Any) -> list[list[str]]:
    texts = [json.dumps(prediction).encode() for prediction in predictions]
    columns = columns_of(texts)
    return list(csv.reader(io.StringIO("".join([*header(columns), *rows(texts, columns)]))))


@pytest.mark.parametrize(
    ("predictions", "expected"),
    [
        ([1.5, 2], [["prediction"], ["1.5"], ["2"]]),
        (["a", 'b"c', "d\ne"], [["prediction"], ["a"], ['b"c'], ["d\ne"]]),
        ([[0.1, 0.9], [1]], [["prediction_0", "prediction_1"], ["0.1", "0.9"], ["1", ""]]),
        ([{"b": 1, "a": {"x": [True]}}], [["b", "a"], ["1", '{"x": [true]}']]),
        (
            [1, [2], {"k": 3}],
            [["prediction", "prediction_0", "k"], ["1", "", ""], ["", "2", ""], ["", "", "3"]],
        ),
    ],
)
def test_tables(predictions: list[Any], expected: list[list[str]]) -> None:
    assert table(*predictions) == expected


@given(
    st.lists(st.dictionaries(st.text(max_size=3), st.integers() | st.booleans() | st.floats(allow_nan=False)))
)
def test_every_value_can_be_read_back(predictions: list[dict[str, Any]]) -> None:
    texts = [json.dumps(prediction).encode() for prediction in predictions]
    columns = columns_of(texts)
    assert list(columns) == list(dict.fromkeys(name for one in predictions for name in one))
    text = "".join(rows(texts, columns))
    for prediction, cells in zip(predictions, csv.reader(io.StringIO(text, newline="")), strict=False):
        named = dict(zip(columns, cells, strict=False))
        assert {name: json.loads(cell) for name, cell in named.items() if cell} == prediction
