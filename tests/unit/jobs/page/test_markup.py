import re

from hypothesis import given
from hypothesis import strategies as st

from tablecloud.jobs.page.markup import Markup, join, tag

HOSTILE = "<script>alert(1)</script>\"'&"


def test_text_is_escaped_wherever_it_enters():
    made = tag("p", HOSTILE, title=HOSTILE)
    assert "<script" not in made
    assert made == (
        '<p title="&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#x27;&amp;">'
        "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#x27;&amp;</p>"
    )


def test_elements_nest_without_being_escaped_again():
    assert join("<", tag("b", "&"), None, 7) == "&lt;<b>&amp;</b>7"


def test_attributes():
    assert tag("input", name="a", required=True, disabled=False, value=None) == '<input name="a" required>'
    assert tag("label", for_="x", aria_label="y") == '<label for="x" aria-label="y"></label>'


def test_what_no_document_may_hold_is_replaced():
    assert tag("p", "a\0b\x1b[31m\ud800") == "<p>a\ufffdb\ufffd[31m?</p>"


@given(st.text())
def test_no_text_makes_an_element(text):
    made = tag("p", text, title=text)
    assert re.findall("<[a-z/]+", made) == ["<p", "</p"]
    assert made.count('"') == 2
    assert isinstance(made, Markup)
