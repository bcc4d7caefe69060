"""Targets as the numbers that algorithms learn, and the measures of how well they did. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tablecloud.jobs.builtin.refusal import Refused
from tablecloud.jobs.builtin.table import number

Label = int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Classes:
    """The classes of a classification, in the order of their codes 0, 1, …"""

    names: tuple[Label, ...]

    def codes(self, targets: Sequence[str]) -> list[int]:
        """Return the code of each target.

        Raises:
            Refused: one of them is not among the classes.
        """
        known = {str(name): code for code, name in enumerate(self.names)}
        try:
            return [known[str(_label(target))] for target in targets]
        except KeyError as error:
            raise Refused(f"The class {error.args[0]!r} is not among those of the training data.") from error


def classes_of(targets: Sequence[str], count: int | None = None) -> Classes:
    """Return the classes that occur, numbers in order before words.

    Parameters:
        count: how many there must be; classes 0 … count-1 need not all occur.

    Raises:
        Refused: there are fewer than two, or more than `count`.
    """
    found = {_label(target) for target in targets}
    if count and all(isinstance(label, int) and 0 <= label < count for label in found):
        found |= set(range(count))
    if len(found) < 2:
        raise Refused("All targets are equal; a classification needs two classes or more.")
    if count and len(found) != count:
        raise Refused(f"The targets have {len(found)} classes, and num_class is {count}.")
    return Classes(names=tuple(sorted(found, key=lambda label: (isinstance(label, str), label))))


def quantities(targets: Sequence[str]) -> list[float]:
    """Return the targets of a regression.

    Raises:
        Refused: one of them is no number.
    """
    values = []
    for target in targets:
        value = number(target)
        if value is None:
            raise Refused(f"The target {target[:40]!r} is no number. Is --model_type=classification meant?")
        values.append(value)
    return values


def measures(truth: Sequence[float], predicted: Sequence[float], *, classification: bool) -> dict[str, float]:
    """Return what is reported of a model, the main measure first.

    Parameters:
        truth, predicted: codes of classes, or quantities; as many of one as of the other, and not none.
    """
    pairs = list(zip(truth, predicted, strict=True))
    if classification:
        accuracy = sum(round(one) == round(other) for one, other in pairs) / len(pairs)
        return {"accuracy": accuracy, "error": 1 - accuracy}
    return {
        "rmse": math.sqrt(sum((one - other) ** 2 for one, other in pairs) / len(pairs)),
        "mae": sum(abs(one - other) for one, other in pairs) / len(pairs),
    }


def _label(target: str) -> Label:
    value = number(target)
    return int(value) if value is not None and value.is_integer() else target
