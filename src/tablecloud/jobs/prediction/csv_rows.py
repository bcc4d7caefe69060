"""Predictions as rows of CSV: which columns there are, and what stands in the cells. Pure.

An object has a column a key, a list one an element (`prediction_0`, …), anything else the column
`prediction`. Texts stand as they are, values inside of values as JSON, null and what is missing as nothing.
Contract: ml-jobs-service 3.3.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

_SINGLE = "prediction"


def columns_of(predictions: Iterable[bytes]) -> dict[str, None]:
    """Return the columns that some predictions have together, in the order of their first appearance.

    Parameters:
        predictions: texts of JSON values.
    """
    found: dict[str, None] = {}
    for prediction in predictions:
        for name in _named(json.loads(prediction)):
            found.setdefault(name)
    return found


def header(columns: Iterable[str]) -> Iterator[str]:
    """Yield the line with the names of the columns."""
    yield _line(columns)


def rows(predictions: Iterable[bytes], columns: Iterable[str]) -> Iterator[str]:
    """Yield the line of each prediction."""
    names = list(columns)
    for prediction in predictions:
        named = _named(json.loads(prediction))
        yield _line(_cell(named.get(name)) for name in names)


def _named(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        return {f"{_SINGLE}_{place}": item for place, item in enumerate(value)}
    return {_SINGLE: value}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(list(cells))
    return text.getvalue()
