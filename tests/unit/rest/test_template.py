from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tablecloud.errors import InvalidValue, MissingParameter
from tablecloud.rest.template import encode_path, expand


@pytest.mark.parametrize(
    ("template", "value", "expected"),
    [
        ("v1/{x}/jobs", "demo", "v1/demo/jobs"),
        ("v1/{x}", "a/b", "v1/a%2Fb"),
        ("v1/{+x}", "projects/p/jobs/j", "v1/projects/p/jobs/j"),
        ("v1/{x}", "a?b#c%d e", "v1/a%3Fb%23c%25d%20e"),
        ("v1/{+x}", "a?b#c%d e", "v1/a%3Fb%23c%25d%20e"),
        ("v1/{x}:cancel", "j", "v1/j:cancel"),
        ("v1/{x}", "größe", "v1/gr%C3%B6%C3%9Fe"),
        ("v1/{x}", "a.b-c_d~e", "v1/a.b-c_d~e"),
    ],
)
def test_values_are_encoded_in_their_place(template: str, value: str, expected: str) -> None:
    assert expand(template, lambda name: value) == expected


@pytest.mark.parametrize("value", [".", "..", ""])
def test_a_value_cannot_change_the_path(value: str) -> None:
    with pytest.raises(InvalidValue):
        expand("v1/{x}/jobs", lambda name: value)


@pytest.mark.parametrize("value", ["a/../b", "..", "../x", "./x"])
def test_a_reserved_value_cannot_climb(value: str) -> None:
    with pytest.raises(InvalidValue):
        expand("v1/{+x}", lambda name: value)


def test_a_missing_value_names_the_parameter() -> None:
    with pytest.raises(MissingParameter, match="jobsId"):
        expand("v1/{jobsId}", lambda name: None)


@given(st.text(min_size=1).filter(lambda t: t not in (".", "..")))
def test_no_value_leaves_its_segment(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        return
    encoded = encode_path("x", value, reserved=False)
    assert not set(encoded) & set("/?#&= \r\n")
