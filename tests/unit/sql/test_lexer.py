from __future__ import annotations

import pytest

from tablecloud.errors import SqlSyntaxError
from tablecloud.sql.lexer import Kind, dotted_name_end, quote_value, split, tokenize


def _pairs(text: str) -> list[tuple[Kind, str]]:
    return [(token.kind, token.value) for token in tokenize(text)]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("'it''s'", Kind.STRING, "it's"),
        ("''", Kind.STRING, ""),
        (r"e'a\n\'b'", Kind.STRING, "a\n'b"),
        ("$$a'b$$", Kind.STRING, "a'b"),
        ("$tag$ $$ $tag$", Kind.STRING, " $$ "),
        ('"a ""b"""', Kind.QUOTED, 'a "b"'),
        ("`a b`", Kind.QUOTED, "a b"),
        ("$1", Kind.PARAMETER, "$1"),
        ("$name", Kind.PARAMETER, "$name"),
        ("?", Kind.PARAMETER, "?"),
        ("@jobsId", Kind.AT, "jobsId"),
        ("@options.version", Kind.AT, "options.version"),
        ('@"max-buckets"', Kind.AT, "max-buckets"),
        ("@@json", Kind.PAYLOAD, "json"),
        ("/*+ await */", Kind.HINT, "AWAIT"),
        ("1.5e-3", Kind.NUMBER, "1.5e-3"),
        (".5", Kind.NUMBER, ".5"),
        ("名前_1", Kind.WORD, "名前_1"),
        ("::", Kind.SYMBOL, "::"),
    ],
)
def test_one_token(text: str, kind: Kind, value: str) -> None:
    assert _pairs(text) == [(kind, value)]


def test_comments_are_skipped_and_may_nest() -> None:
    assert _pairs("a -- b\n /* c /* d */ e */ f") == [(Kind.WORD, "a"), (Kind.WORD, "f")]


@pytest.mark.parametrize("text", ["x 'a", 'x "a', "x `a", "x /* a", "x $$a", r"x e'a\'"])
def test_what_does_not_end_is_pointed_at(text: str) -> None:
    with pytest.raises(SqlSyntaxError, match="does not end") as caught:
        tokenize(text)
    assert caught.value.span is not None
    assert caught.value.span[0] == 2


def test_split_respects_quotes_and_drops_empty_statements() -> None:
    groups = split(tokenize(" ; a ';' ; /*+ AWAIT */ ; \"b;c\" -- ;\n"))
    assert [[token.value for token in group] for group in groups] == [["a", ";"], ["b;c"]]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("google.ml.jobs as j", "google.ml.jobs"),
        ('google . ml /* c */ . "projects.jobs" j', 'google . ml /* c */ . "projects.jobs"'),
        ("a.b)", "a.b"),
        ("a b.c", "a"),
    ],
)
def test_dotted_name_end(text: str, name: str) -> None:
    assert text[: dotted_name_end(text, 0)] == name


def test_quote_value() -> None:
    assert [quote_value(value) for value in (None, True, 1, -2.5, "it's")] == [
        "NULL",
        "true",
        "1",
        "-2.5",
        "'it''s'",
    ]
