import re

import pytest

from tablecloud.jobs.wire.patterns import PatternError, compile_pattern

PATTERNS = [
    "", "a", "abc", "a.c", "^ab", "bc$", "^abc$", "^$", "a*", "a+b", "ab?c", "(ab)+", "a|b|", "(?:x|y)z",
    "[a-c]x", "[^a-c]", r"\d+", r"\w\s\w", r"a\.b", "a{2}", "a{2,}", "a{1,3}b", "[-a]", "[a-]", r"[\d_]",
    "(a|b)*c", "a*?b", "^(a|^b)c", "x$|y", r"[\]]", "(a*)*b", "(?i)AbC", "(?i)[a-c]X", r"\D\W\S",
]  # fmt: skip
TEXTS = ["", "a", "b", "abc", "xabcx", "aab", "ab", "ac", "a.b", "a b", "12", "xz", "yz", "\n", "a\nc", "cx",
         "CX", "ABC", "aaab", "]", "-", "_", "bc", "x", "y z", "é"]  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_agrees_with_python(pattern):
    ours, theirs = compile_pattern(pattern), re.compile(pattern.replace("$", r"\Z"), re.ASCII)
    for text in TEXTS:
        assert ours.search(text) == bool(theirs.search(text)), (pattern, text)


@pytest.mark.parametrize(
    "pattern",
    ["(", ")", "a)", "[", "[a", "*", "a**", "(?P<n>a)", r"\1", r"\b", "a{", "a{1001}", "a{3,2}", "{2}",
     "[b-a]", "a" * 201, "(" * 50 + ")" * 50, "((a{100}){100}){100}", "\\", "(?=a)", "a{,3}"],
)  # fmt: skip
def test_refused(pattern):
    with pytest.raises(PatternError):
        compile_pattern(pattern)


def test_patterns_that_make_backtracking_explode_end_at_once():
    for pattern in ("(a*)*$", "(a|a)*b", "(a*)*(a*)*(a*)*b", "(.*)*x"):
        compile_pattern(pattern).search("a" * 20_000)
