from __future__ import annotations

import msgspec
import pytest

from tablecloud.errors import InvalidValue
from tablecloud.rest.body import assemble_body


def test_values_land_at_their_paths() -> None:
    body = assemble_body(
        [
            (("jobId",), "j"),
            (("input", "args"), msgspec.Raw(b'["--x", "1"]')),
            (("input", "tier"), "BASIC"),
            (("flag",), None),
        ]
    )
    assert msgspec.json.decode(body) == {
        "jobId": "j",
        "input": {"args": ["--x", "1"], "tier": "BASIC"},
        "flag": None,
    }


def test_no_values_make_an_empty_object() -> None:
    assert assemble_body([]) == b"{}"


@pytest.mark.parametrize(
    "pairs",
    [
        [(("a",), 1), (("a",), 2)],
        [(("a",), {"b": 1}), (("a", "c"), 2)],
        [(("a", "c"), 2), (("a",), {"b": 1})],
        [(("a",), 1), (("a", "b", "c"), 2)],
    ],
)
def test_one_place_cannot_be_given_twice(pairs) -> None:
    with pytest.raises(InvalidValue, match="given twice"):
        assemble_body(pairs)
