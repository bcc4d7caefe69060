from __future__ import annotations

import pytest

from tablecloud.errors import TransformError
from tablecloud.rest.transform.gotemplate_nodes import (
    Call,
    Dot,
    If,
    Literal,
    Output,
    Pipeline,
    Print,
    Variable,
)
from tablecloud.rest.transform.gotemplate_parse import parse


def test_a_template_becomes_a_tree() -> None:
    tree = parse("a {{- if .x.y -}} {{ f $ 1 }} {{ end }}", {"f"})
    assert tree.body[0] == Output("a")
    node = tree.body[1]
    assert isinstance(node, If)
    assert node.pipeline.commands == (Dot(("x", "y")),)
    call = Call("f", (Variable("$"), Literal(1)), 1)
    assert node.body[0] == Print(Pipeline((call,), line=1))


@pytest.mark.parametrize("depth", [70, 5_000])
def test_nesting_is_bounded(depth: int) -> None:
    with pytest.raises(TransformError, match="too deeply"):
        parse("{{ if 1 }}" * depth + "{{ end }}" * depth, set())
    with pytest.raises(TransformError, match="too deeply"):
        parse('{{ block "b" . }}' * depth + "{{ end }}" * depth, set())
    with pytest.raises(TransformError, match="too deeply"):
        parse("{{" + "(" * depth + "1" + ")" * depth + "}}", set())
    with pytest.raises(TransformError, match="too deeply"):
        parse("{{ if 1 }}" + "{{ else if 1 }}" * depth + "{{ end }}", set())


@pytest.mark.parametrize(
    "text", ["{{ /* c */ }}", "{{/* open", "{{/* c */ x }}", "{{ \x00 }}", "{{ 0x }}", '{{ "\\q" }}']
)
def test_odd_actions_are_read_or_refused(text: str) -> None:
    try:
        parse(text, set())
    except TransformError as error:
        assert "line 1" in error.message


def test_a_comment_is_nothing() -> None:
    assert parse("a{{/* x {{ y }} */}}b", set()).body == (Output("a"), Output("b"))
