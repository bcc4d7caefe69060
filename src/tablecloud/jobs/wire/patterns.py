"""Regular expressions that search in linear time: an RE2-like syntax run as a lazily built automaton. Pure.

Contract: ml-jobs-service 1.7 bounds `~`. Python's `re` backtracks, so one filter could hold the server for
ever; here the work is at most states x characters, and the states are capped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

MAX_LENGTH = 200
_MAX_STATES = 1000
_MAX_REPEAT = 100
_MAX_NESTING = 20
_MAX_CACHED_STEPS = 5000

CharTest = Callable[[str], bool]


class PatternError(ValueError):
    """The pattern is malformed, or uses what is not supported."""


@dataclass(frozen=True, slots=True)
class _Char:
    test: CharTest


@dataclass(frozen=True, slots=True)
class _Edge:
    """`^` or `$`."""

    start: bool


@dataclass(frozen=True, slots=True)
class _Sequence:
    parts: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    options: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Repeat:
    node: _Node
    low: int
    high: int | None


_Node = _Char | _Edge | _Sequence | _Choice | _Repeat

_States = frozenset[int]


@dataclass(slots=True)
class Pattern:
    """A compiled pattern. State n has either a test, then n + 1, or jumps; the last state is the match."""

    tests: list[CharTest | None] = field(default_factory=list)
    jumps: list[tuple[int, ...]] = field(default_factory=list)
    edges: dict[int, bool] = field(default_factory=dict)
    """State to True for `^`, False for `$`."""
    _steps: dict[tuple[_States, str], _States] = field(default_factory=dict)

    def search(self, text: str) -> bool:
        """Say whether any part of the text matches."""
        final = len(self.tests)
        states = self._closure((0,), at_start=True)
        for char in text:
            if final in states:
                return True
            states = self._step(states, char)
        return final in self._closure(states, at_start=not text, at_end=True)

    def _step(self, states: _States, char: str) -> _States:
        known = self._steps.get((states, char))
        if known is None:
            moved = [
                n + 1 for n in states if n < len(self.tests) and (t := self.tests[n]) is not None and t(char)
            ]
            known = self._closure((0, *moved))
            if len(self._steps) >= _MAX_CACHED_STEPS:
                self._steps.clear()
            self._steps[states, char] = known
        return known

    def _closure(
        self, states: _States | tuple[int, ...], *, at_start: bool = False, at_end: bool = False
    ) -> _States:
        todo, seen = list(states), set[int]()
        while todo:
            state = todo.pop()
            if state in seen:
                continue
            seen.add(state)
            edge = self.edges.get(state)
            if state == len(self.tests) or self.tests[state] is not None:
                continue
            if edge is None or (at_start if edge else at_end):
                todo.extend(self.jumps[state])
        return frozenset(seen)


def compile_pattern(text: str) -> Pattern:
    """Return the pattern of a text.

    The syntax: literals, `.`, `[classes]`, `\\d \\w \\s`, groups, `|`, `* + ?`, `{m,n}`, `^`, `$`, `(?i)`.

    Raises:
        PatternError: malformed, too long, too big, or an unsupported construct.
    """
    if len(text) > MAX_LENGTH:
        raise PatternError(f"a pattern may have at most {MAX_LENGTH} characters")
    ignore_case = text.startswith("(?i)")
    parser = _Parser(text[4:] if ignore_case else text, ignore_case=ignore_case)
    node = parser.choice(0)
    if parser.at < len(parser.text):
        raise PatternError("unbalanced parenthesis")
    pattern = Pattern()
    _emit(pattern, node)
    return pattern


def _emit(pattern: Pattern, node: _Node) -> None:
    if len(pattern.tests) > _MAX_STATES:
        raise PatternError("the pattern is too big")
    match node:
        case _Char(test):
            _add(pattern, test)
        case _Edge(start):
            state = _add(pattern, None)
            pattern.edges[state] = start
            pattern.jumps[state] = (state + 1,)
        case _Sequence(parts):
            for part in parts:
                _emit(pattern, part)
        case _Choice(options):
            _emit_choice(pattern, options)
        case _Repeat(inner, low, high):
            for _ in range(low):
                _emit(pattern, inner)
            _emit_rest(pattern, inner, None if high is None else high - low)


def _emit_choice(pattern: Pattern, options: tuple[_Node, ...]) -> None:
    split = _add(pattern, None)
    starts, ends = [], []
    for option in options:
        starts.append(len(pattern.tests))
        _emit(pattern, option)
        ends.append(_add(pattern, None))
    pattern.jumps[split] = tuple(starts)
    for end in ends:
        pattern.jumps[end] = (len(pattern.tests),)


def _emit_rest(pattern: Pattern, node: _Node, count: int | None) -> None:
    """Emit what may repeat beyond the minimum: any number of times, or up to `count`."""
    splits = []
    for _ in range(1 if count is None else count):
        splits.append(_add(pattern, None))
        _emit(pattern, node)
    if count is None:
        back = _add(pattern, None)
        pattern.jumps[back] = (splits[0],)
    for split in splits:
        pattern.jumps[split] = (split + 1, len(pattern.tests))


def _add(pattern: Pattern, test: CharTest | None) -> int:
    pattern.tests.append(test)
    pattern.jumps.append(())
    return len(pattern.tests) - 1


def _is_digit(char: str) -> bool:
    return "0" <= char <= "9"


def _is_word(char: str) -> bool:
    return char == "_" or (char.isascii() and char.isalnum())


def _is_space(char: str) -> bool:
    return char in "\t\n\f\r "


_CLASSES: dict[str, CharTest] = {"d": _is_digit, "w": _is_word, "s": _is_space}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}


class _Parser:
    """Recursive descent over the text; `at` is the next character."""

    def __init__(self, text: str, *, ignore_case: bool) -> None:
        self.text = text
        self.at = 0
        self.ignore_case = ignore_case

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self, char: str) -> bool:
        found = self.text.startswith(char, self.at)
        self.at += len(char) if found else 0
        return found

    def next(self) -> str:
        char = self.peek()
        if not char:
            raise PatternError("the pattern ends too early")
        self.at += 1
        return char

    def choice(self, depth: int) -> _Node:
        if depth > _MAX_NESTING:
            raise PatternError("groups are nested too deeply")
        options = [self.sequence(depth)]
        while self.take("|"):
            options.append(self.sequence(depth))
        return options[0] if len(options) == 1 else _Choice(tuple(options))

    def sequence(self, depth: int) -> _Node:
        parts: list[_Node] = []
        while self.peek() not in ("", "|", ")"):
            parts.append(self.repeated(self.atom(depth)))
        return _Sequence(tuple(parts))

    def repeated(self, node: _Node) -> _Node:
        bounds = self.bounds()
        if bounds is None:
            return node
        self.take("?")  # laziness changes which match is found, not whether one is
        if self.peek() in ("*", "+", "?"):
            raise PatternError("nothing to repeat")
        return _Repeat(node, *bounds)

    def bounds(self) -> tuple[int, int | None] | None:
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self.take(sign):
                return bounds
        if not self.take("{"):
            return None
        body, closed, _ = self.text[self.at :].partition("}")
        low, comma, high = body.partition(",")
        if not closed or not low.isdecimal() or not (high.isdecimal() or not high):
            raise PatternError("a repeat is written {m}, {m,} or {m,n}")
        self.at += len(body) + 1
        first, last = int(low), (int(high) if high else None) if comma else int(low)
        if first > _MAX_REPEAT or (last is not None and not first <= last <= _MAX_REPEAT):
            raise PatternError(f"a repeat count may be at most {_MAX_REPEAT}")
        return first, last

    def atom(self, depth: int) -> _Node:
        char = self.next()
        if char == "(":
            return self.group(depth)
        if char == "[":
            return _Char(self.char_class())
        if char == "\\":
            return _Char(self.escape())
        if char in "^$":
            return _Edge(char == "^")
        if char == ".":
            return _Char(lambda c: c != "\n")
        if char in "*+?{":
            raise PatternError("nothing to repeat")
        return _Char(self.literal(char))

    def group(self, depth: int) -> _Node:
        if self.peek() == "?" and not self.take("?:"):
            raise PatternError("only (…) and (?:…) groups are supported")
        node = self.choice(depth + 1)
        if not self.take(")"):
            raise PatternError("unbalanced parenthesis")
        return node

    def literal(self, char: str) -> CharTest:
        if self.ignore_case:
            folded = char.casefold()
            return lambda c: c.casefold() == folded
        return lambda c: c == char

    def escape(self) -> CharTest:
        char = self.next()
        test = _CLASSES.get(char.lower())
        if test is not None:
            return test if char.islower() else _negated(test)
        return self.literal(self.escaped(char))

    def escaped(self, char: str) -> str:
        if char in _ESCAPES:
            return _ESCAPES[char]
        if char.isalnum():
            raise PatternError(f"the escape \\{char} is not supported")
        return char

    def char_class(self) -> CharTest:
        negated = self.take("^")
        tests = [self.class_item(first=True)]
        while not self.take("]"):
            tests.append(self.class_item(first=False))
        either = _any_of(tuple(tests))
        return _negated(either) if negated else either

    def class_item(self, *, first: bool) -> CharTest:
        char = self.next()
        if char == "]" and not first:
            raise PatternError("unbalanced bracket")
        if char == "\\":
            if (test := _CLASSES.get(self.peek().lower())) is not None and self.peek():
                return test if self.next().islower() else _negated(test)
            char = self.escaped(self.next())
        if self.peek() != "-" or self.text[self.at + 1 : self.at + 2] in ("]", ""):
            return self.literal(char)
        self.next()
        last = self.next()
        last = self.escaped(self.next()) if last == "\\" else last
        if last < char:
            raise PatternError("a range in brackets is the wrong way round")
        return self.between(char, last)

    def between(self, first: str, last: str) -> CharTest:
        if self.ignore_case:
            return lambda c: first <= c.lower() <= last or first <= c.upper() <= last
        return lambda c: first <= c <= last


def _negated(test: CharTest) -> CharTest:
    return lambda c: not test(c)


def _any_of(tests: tuple[CharTest, ...]) -> CharTest:
    return lambda c: any(test(c) for test in tests)
