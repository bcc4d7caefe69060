from __future__ import annotations

import pytest

from tablecloud.errors import TransformError
from tablecloud.rest.transform.gotemplate import Limits, compile_template, render


def run(template: str, data: object = None, limits: Limits | None = None) -> str:
    return render(compile_template(template), data, limits)


@pytest.mark.parametrize(
    ("template", "data", "expected"),
    [
        # Better than Go: numbers are exact.
        ("{{ .id }}", {"id": 9007199254740993}, "9007199254740993"),
        ("{{ toJson . }}", {"id": 9007199254740993}, '{"id":9007199254740993}'),
        ("{{ kindOf .id }}", {"id": 3}, "float64"),
        ('{{ printf "%d|%s" .id .id }}', {"id": 3}, "3|%!s(float64=3)"),
        ("{{ eq .id 3 }}{{ gt .id 2.5 }}{{ lt .id 4 }}", {"id": 3}, "truetruetrue"),
        # Kinder than Go: nil may be walked into, and a brace may touch an action.
        ("{{ .a.b.c }}", {"a": None}, "<no value>"),
        ('[{{{- if . -}}"a": 1{{- end -}}}]', True, '[{"a": 1}]'),
        # The documents' own functions.
        (
            '{{ safeIndex . "a" }}{{ safeIndex . "b" }}{{ safeIndex nil "a" }}',
            {"a": "x"},
            "x<no value><no value>",
        ),
        ("{{ safeIndex . 1 }}{{ safeIndex . 2 }}", ["a", "b"], "b<no value>"),
        ('{{ toInt "42" }} {{ toInt 7.9 }} {{ plus1 41 }}', None, "42 7 42"),
        ('{{ toBool "true" }} {{ toBool "0" }} {{ toBool true }}', None, "true false true"),
        ("{{ kindOf (toInt 3) }} {{ kindOf (len .) }}", [], "int int"),
        ("{{ range $i, $x := . }}{{ plus1 $i }}{{ end }}", ["a", "b"], "12"),
    ],
)
def test_what_differs_from_go_or_is_the_documents_own(template: str, data: object, expected: str) -> None:
    assert run(template, data) == expected


@pytest.mark.parametrize(
    "template",
    [
        '{{ toInt "x" }}',
        "{{ toInt nil }}",
        '{{ toBool "yes" }}',
        '{{ plus1 "a" }}',
        "{{ plus1 1.5 }}",
        '{{ printf "%99999d" 1 }}',
        '{{ printf "%[1]d" 1 }}',
        '{{ printf "%*d" 1 2 }}',
        '{{ getRegexpFirstMatch "a" "b" }}',
        "{{ call toJson }}",
        "{{ index . 99999999999999999999 }}",
    ],
)
def test_a_function_refuses_what_it_cannot_take(template: str) -> None:
    with pytest.raises(TransformError):
        run(template, ["a"])


@pytest.mark.parametrize(
    ("template", "limits"),
    [
        ("{{ range . }}{{ range $ }}{{ range $ }}x{{ end }}{{ end }}{{ end }}", Limits(steps=10_000)),
        ("{{ range . }}{{ range $ }}{{ toJson $ }}{{ end }}{{ end }}", Limits(output=10_000)),
        ('{{ $x := "ab" }}{{ range . }}{{ $x = printf "%s%s" $x $x }}{{ end }}', Limits(output=10_000)),
        ("{{ range 1000000000 }}{{ end }}", Limits(steps=10_000)),
        ('{{ define "r" }}{{ template "r" . }}{{ end }}{{ template "r" . }}', Limits()),
    ],
)
def test_a_run_is_bounded(template: str, limits: Limits) -> None:
    with pytest.raises(TransformError):
        run(template, [1] * 100, limits)


def test_deep_data_is_refused_and_not_a_crash() -> None:
    data: object = []
    for _ in range(5_000):
        data = [data]
    for template in ("{{ toJson . }}", "{{ . }}", '{{ printf "%v" . }}', '{{ printf "%q" . }}'):
        with pytest.raises(TransformError):
            run(template, data)


def test_a_variable_of_one_round_is_not_there_in_the_next() -> None:
    template = "{{ range $x := . }}{{ $n := 0 }}{{ $n = $x }}{{ $n }}{{ end }}"
    assert run(template, ["a", "b"]) == "ab"


def test_a_break_inside_of_other_parts_leaves_only_its_range() -> None:
    inner = "{{ with . }}{{ if true }}{{ break }}{{ end }}{{ end }}"
    template = "{{ range . }}[{{ range $ }}" + inner + "x{{ end }}]{{ end }}"
    assert run(template, ["a"] * 150) == "[]" * 150


def test_a_template_s_error_names_the_line() -> None:
    with pytest.raises(TransformError, match="line 2"):
        run("a\n{{ index nil 1 }}")
    with pytest.raises(TransformError, match="line 3"):
        compile_template("a\n\n{{ nothing }}")


def test_data_is_not_changed() -> None:
    data = {"a": [1, {"b": 2}]}
    run("{{ $x := .a }}{{ $x = 1 }}{{ range .a }}{{ end }}", data)
    assert data == {"a": [1, {"b": 2}]}


def test_what_is_not_json_is_refused() -> None:
    with pytest.raises(TransformError, match="not JSON"):
        run("{{ kindOf .x }}", {"x": object()})
