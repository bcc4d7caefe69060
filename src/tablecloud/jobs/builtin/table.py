"""Training data of built-in algorithms: CSV without a header whose first column is the target.

Contract: ml-jobs-service 2.9. Everything here works on lists, so that it needs no library.
"""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tablecloud.jobs.builtin.refusal import Refused

_SEED = 1
"""Of the split: the same data are split the same way, trial after trial."""

Row = list[float | str]
"""The features of one record: numbers (NaN where missing) and categories."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Records as text."""

    targets: list[str]
    rows: list[list[str]]

    def take(self, places: Sequence[int]) -> Table:
        """Return some of the records."""
        return Table(targets=[self.targets[i] for i in places], rows=[self.rows[i] for i in places])


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The data of one training."""

    training: Table
    validation: Table
    """Empty where nothing was set aside."""
    test: Table


NOTHING = Table(targets=[], rows=[])


def read(path: Path, name: str) -> Table:
    """Return the records of a CSV file.

    Parameters:
        name: its address as the user wrote it.

    Raises:
        Refused: there is no such file, it is empty or is no table.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            records = [[value.strip() for value in record] for record in csv.reader(file) if record]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        words = error.strerror if isinstance(error, OSError) else error
        raise Refused(f"The data {name} cannot be read: {words}.") from error
    if not records:
        raise Refused(f"The data {name} hold no record.")
    width = len(records[0])
    if width < 2:
        raise Refused(f"The data {name} have one column; a target and at least one feature are needed.")
    for number, record in enumerate(records, 1):
        if len(record) != width:
            raise Refused(f"Record {number} of {name} has {len(record)} columns, the first one has {width}.")
        if not record[0]:
            raise Refused(f"Record {number} of {name} has no target in its first column.")
    return Table(targets=[record[0] for record in records], rows=[record[1:] for record in records])


def split(table: Table, validation: float, test: float) -> Parts:
    """Set records aside at random, the same ones each time.

    Parameters:
        validation, test: parts of the whole, each 0 to 1.

    Raises:
        Refused: nothing would be left to train on.
    """
    places = list(range(len(table.rows)))
    random.Random(_SEED).shuffle(places)  # noqa: S311 - no secret
    tested = round(test * len(places))
    held = tested + round(validation * len(places))
    if validation < 0 or test < 0 or held >= len(places):
        raise Refused(f"validation_split {validation:g} and test_split {test:g} leave nothing to train on.")
    return Parts(
        training=table.take(places[held:]),
        validation=table.take(places[tested:held]),
        test=table.take(places[:tested]),
    )


def number(text: str) -> float | None:
    """Return a field as a number, an empty one as NaN; None when it is neither."""
    if not text:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def categorical(table: Table) -> list[bool]:
    """Say of each feature whether any of its values is no number."""
    return [any(number(value) is None for value in column) for column in zip(*table.rows, strict=True)]


def check_plain(table: Table) -> None:
    """Refuse data that only `--preprocess` can make numbers of.

    Raises:
        Refused: a feature is missing, or is no number.
    """
    for place, row in enumerate(table.rows):
        for column, text in enumerate(row, 2):
            if not text or number(text) is None:
                what = f"is {text[:40]!r}, which is no number" if text else "is missing"
                raise Refused(
                    f"Column {column} of a record {what} (target {table.targets[place][:40]!r}). "
                    "Give --preprocess to train on categories and missing values."
                )


def features(table: Table, categories: Sequence[bool]) -> list[Row]:
    """Return the features of each record; what should be a number and is none counts as missing.

    Raises:
        Refused: the records have another number of columns than the training data.
    """
    if table.rows and len(table.rows[0]) != len(categories):
        raise Refused(
            f"The data to check against have {len(table.rows[0])} features, "
            f"those to train on {len(categories)}."
        )
    return [
        [text if is_category else _float(text) for text, is_category in zip(row, categories, strict=True)]
        for row in table.rows
    ]


def _float(text: str) -> float:
    value = number(text)
    return math.nan if value is None else value
