import pytest

from tablecloud.cli.template import read_values, render
from tablecloud.errors import SettingError

VALUES = {
    "project": "demo",
    "gcp": {"region": "eu"},
    "list": [{"name": "a"}, {"name": "b"}],
    "n": 3,
    "odd": "it's",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 1", "SELECT 1"),
        ("p = '{{ .project }}'", "p = 'demo'"),
        ("p = '{{project}}'", "p = 'demo'"),
        ("{{- .gcp.region -}}", "eu"),
        ("{{ .gcp }}", '{"region":"eu"}'),
        ("{{ .list.1.name }}", "b"),
        ("{{ .n }}", "3"),
        ("{{ .odd | quote }}", "'it''s'"),
        ("{{ .n | quote }}", "'3'"),
    ],
)
def test_values_are_filled_in(text: str, expected: str) -> None:
    assert render(text, VALUES) == expected


@pytest.mark.parametrize(
    "text",
    ["{{ range .list }}", "{{ end }}", "{{ if .n }}", "{{ .project | upper }}", "{{ printf 1 }}", "{{ }}"],
)
def test_anything_but_a_lookup_is_refused(text: str) -> None:
    with pytest.raises(SettingError):
        render(text, VALUES)


def test_an_unknown_name_names_the_known_ones() -> None:
    with pytest.raises(SettingError) as caught:
        render("{{ .gcp.zone }}", VALUES)
    assert "gcp.zone" in caught.value.message
    assert "region" in caught.value.hint


def test_inserted_text_is_not_a_template_again() -> None:
    assert render("{{ .a }}", {"a": "{{ .b }}", "b": "no"}) == "{{ .b }}"


def test_an_inline_block_gives_values_and_leaves_the_text() -> None:
    text = '<<<json\n{"project": "inline", "zone": "z"}\n>>>\nSELECT {{ .project }}, {{ .zone }};'
    assert render(text, {"project": "flag"}) == "SELECT flag, z;"


@pytest.mark.parametrize(
    "text", ["<<<jsonnet\n{}\n>>>\nSELECT 1", "<<<json\n{]\n>>>\n", "<<<json\n[1]\n>>>\n"]
)
def test_a_block_that_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(SettingError):
        render(text, {})


def test_jsonnet_is_refused_with_the_way_out() -> None:
    with pytest.raises(SettingError) as caught:
        read_values("{}", "values.jsonnet")
    assert "jsonnet values.jsonnet >" in caught.value.hint
