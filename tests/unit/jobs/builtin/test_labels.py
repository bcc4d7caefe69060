from __future__ import annotations

import pytest

from tablecloud.jobs.builtin.labels import classes_of, measures, quantities
from tablecloud.jobs.builtin.refusal import Refused


def test_classes_are_in_order_numbers_as_numbers() -> None:
    assert classes_of(["10", "9", "no"]).names == (9, 10, "no")
    assert classes_of(["b", "a", "b"]).codes(["a", "b", "b"]) == [0, 1, 1]
    assert classes_of(["1.0", "0"]).names == (0, 1)
    assert classes_of(["0", "2"], count=3).names == (0, 1, 2)


def test_classes_that_are_wrong() -> None:
    with pytest.raises(Refused, match="All targets are equal"):
        classes_of(["1", "1"])
    with pytest.raises(Refused, match="have 3 classes, and num_class is 2"):
        classes_of(["a", "b", "c"], count=2)
    with pytest.raises(Refused, match="'c' is not among"):
        classes_of(["a", "b"]).codes(["c"])


def test_quantities() -> None:
    assert quantities(["1", "-2.5"]) == [1.0, -2.5]
    with pytest.raises(Refused, match="'yes' is no number"):
        quantities(["1", "yes"])


def test_measures() -> None:
    assert measures([1, 0, 1, 1], [1, 1, 1, 1], classification=True) == {"accuracy": 0.75, "error": 0.25}
    assert measures([0, 0], [3, -3], classification=False) == {"rmse": 3.0, "mae": 3.0}
