"""Every transform of the registry can be read and run."""

from __future__ import annotations

import random
import re

import pytest
from registry_templates import transforms

from tablecloud.errors import TransformError
from tablecloud.rest.transform.azure import NATIVE, native
from tablecloud.rest.transform.gotemplate import compile_template, render
from tablecloud.rest.transform.response import check_template, knows_transform

pytestmark = [pytest.mark.corpus, pytest.mark.slow]


def test_every_template_is_read() -> None:
    found = transforms()
    assert len(found) > 300
    for _side, kind, body in found:
        check_template(kind, body)
        assert knows_transform(kind)


def test_both_native_texts_are_in_the_registry() -> None:
    assert sum(native(body) is not None for _side, _kind, body in transforms()) == len(NATIVE)


def test_every_template_survives_any_data() -> None:
    rng = random.Random(7)
    rendered = 0
    for _side, _kind, body in transforms():
        names = [*re.findall(r'"(\w+)"', body), "value", "properties"]
        for _ in range(5):
            data = {name: _value(rng, names, 0) for name in names if rng.random() < 0.8}
            try:
                render(compile_template(body), data)
                rendered += 1
            except TransformError:
                pass
    assert rendered > 500


def _value(rng: random.Random, names: list[str], depth: int) -> object:
    kind = rng.random()
    if depth > 3 or kind < 0.5:
        return rng.choice([None, True, False, 0, 2**60, 1.5, "", 'a"b<é'])
    if kind < 0.75:
        return [_value(rng, names, depth + 1) for _ in range(rng.randrange(4))]
    return {rng.choice(names): _value(rng, names, depth + 1) for _ in range(rng.randrange(4))}
