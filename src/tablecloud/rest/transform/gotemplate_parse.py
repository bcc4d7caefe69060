"""Parses the Go templates of provider documents into a tree.

Contract: the whole grammar of Go's text/template. Checked here, as in Go: functions and variables are
known, `break` stands in a `range`, nothing is left open. Nesting is bounded, so that running the tree is.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import NoReturn

from tablecloud.errors import TransformError
from tablecloud.rest.transform.gotemplate_lex import Action, Text, Token, lex, unquote
from tablecloud.rest.transform.gotemplate_nodes import (
    Call,
    Chain,
    Dot,
    GoInt,
    If,
    Include,
    Leave,
    Literal,
    Node,
    Output,
    Pipeline,
    Print,
    Range,
    Template,
    Term,
    Variable,
)

_DEEPEST = 60
_KEYWORDS = frozenset(
    {
        "if", "else", "end", "range", "with", "define", "template", "block", "break", "continue",
        "nil", "true", "false",
    }
)  # fmt: skip
_CONSTANTS = {"true": True, "false": False, "nil": None}
_END = Token("end", "the end of the action", True, 0)


def parse(source: str, functions: AbstractSet[str]) -> Template:
    """Return the tree of a template.

    Parameters:
        source: the template's text.
        functions: names that may be called.

    Raises:
        TransformError: the text is not a template; the message names the line.
    """
    parser = _Parser(source, functions)
    body, end = parser.nodes(0)
    if end is not None:
        _refuse(end.line, f"has {{{{{end.tokens[0].text}}}}} without what it would close")
    return Template(body=body, defined=parser.defined)


class _Parser:
    """The parts still to be read, and the variables that are in scope."""

    def __init__(self, source: str, functions: AbstractSet[str]) -> None:
        self._parts = lex(source)
        self._functions = functions
        self._variables = ["$"]
        self._ranges = 0
        self.defined: dict[str, tuple[Node, ...]] = {}

    def nodes(self, depth: int) -> tuple[tuple[Node, ...], Action | None]:
        """Read nodes up to an `end` or `else`, which is returned too; None at the end of the text."""
        found: list[Node] = []
        for part in self._parts:
            if isinstance(part, Text):
                found.append(Output(part.text))
                continue
            if not part.tokens:
                _refuse(part.line, "has an empty action")
            word = part.tokens[0].text
            if word in ("end", "else"):
                return tuple(found), part
            found.extend(self._node(word, part, depth))
        return tuple(found), None

    def _node(self, word: str, action: Action, depth: int) -> list[Node]:
        if word in ("if", "with", "range"):
            return [self._control(word, _Words(action, 1), depth)]
        if word in ("define", "block"):
            return self._define(word, _Words(action, 1), depth)
        if word == "template":
            return [self._include(_Words(action, 1))]
        if word in ("break", "continue"):
            if not self._ranges or len(action.tokens) > 1:
                _refuse(action.line, f"has a {word} outside of a range")
            return [Leave(again=word == "continue")]
        return [Print(self._whole_pipeline(_Words(action, 0)))]

    def _control(self, word: str, words: _Words, depth: int) -> Node:
        _check_depth(depth, words.line)
        scope = len(self._variables)
        pipeline = self._whole_pipeline(words, most=2 if word == "range" else 1)
        self._ranges += word == "range"
        body, end = self.nodes(depth + 1)
        self._ranges -= word == "range"
        otherwise = self._otherwise(word, end, words.line, depth)
        del self._variables[scope:]
        if word == "range":
            return Range(pipeline, body, otherwise)
        return If(pipeline, body, otherwise, sets_dot=word == "with")

    def _otherwise(self, word: str, end: Action | None, line: int, depth: int) -> tuple[Node, ...]:
        """Read what follows `else`; an `else if` is an `if` in it that shares its `end`."""
        if end is None:
            _refuse(line, f"has a {word} without its end")
        words = _Words(end, 1)
        if end.tokens[0].text == "end":
            words.finish()
            return ()
        following = words.peek.text
        if following == word and word in ("if", "with"):
            words.take()
            return (self._control(word, words, depth + 1),)
        words.finish()
        otherwise, last = self.nodes(depth + 1)
        self._expect_end(last, end.line)
        return otherwise

    def _expect_end(self, last: Action | None, line: int) -> None:
        if last is None or last.tokens[0].text != "end":
            _refuse(line, "has a part without its end")
        _Words(last, 1).finish()

    def _define(self, word: str, words: _Words, depth: int) -> list[Node]:
        _check_depth(depth, words.line)
        name = self._name(words)
        if word == "define" and depth:
            _refuse(words.line, "has a define inside of another part")
        pipeline = self._whole_pipeline(words) if word == "block" else None
        words.finish()
        outer, self._variables, ranges, self._ranges = self._variables, ["$"], self._ranges, 0
        body, end = self.nodes(depth + 1)
        self._expect_end(end, words.line)
        self._variables, self._ranges = outer, ranges
        if body and self.defined.get(name):
            _refuse(words.line, f"defines {name} twice")
        if body or name not in self.defined:
            self.defined[name] = body
        return [Include(name, pipeline, words.line)] if word == "block" else []

    def _include(self, words: _Words) -> Node:
        name = self._name(words)
        pipeline = None if words.peek is _END else self._whole_pipeline(words)
        return Include(name, pipeline, words.line)

    def _name(self, words: _Words) -> str:
        token = words.take()
        if token.kind not in ("string", "raw"):
            _refuse(words.line, f"needs a quoted name in place of {token.text}")
        return unquote(token.text, token.line)

    def _whole_pipeline(self, words: _Words, most: int = 1) -> Pipeline:
        pipeline = self._pipeline(words, most, 0)
        words.finish()
        return pipeline

    def _pipeline(self, words: _Words, most: int, depth: int) -> Pipeline:
        """Read `[$a[, $b] :=|=] command | command …`; at most `most` variables take the value."""
        _check_depth(depth, words.line)
        targets, declares = words.targets(most)
        if not declares:
            for name in targets:
                self._known(name, words.line)
        commands = [self._command(words, depth)]
        while words.peek.kind == "pipe":
            words.take()
            commands.append(self._piped(self._command(words, depth), words.line))
        if declares:
            self._variables.extend(targets)
        return Pipeline(tuple(commands), targets, declares, words.line)

    def _piped(self, command: Term, line: int) -> Term:
        if not isinstance(command, Call):
            _refuse(line, "pipes into what is not a function")
        return command

    def _command(self, words: _Words, depth: int) -> Term:
        first = words.peek
        if first.kind == "word" and first.text not in _KEYWORDS:
            words.take()
            if first.text not in self._functions:
                _refuse(first.line, f"calls {first.text}, which is no function here")
            return Call(first.text, tuple(self._terms(words, depth)), first.line)
        if first.kind in ("end", "pipe", "shut"):
            _refuse(words.line, f"has a value missing before {first.text}")
        term = self._term(words, depth)
        if isinstance(term, Literal) and term.value is None:
            _refuse(first.line, "uses nil as a command")
        if words.starts_term():
            _refuse(first.line, f"gives arguments to {first.text}, which is no function")
        return term

    def _terms(self, words: _Words, depth: int) -> list[Term]:
        terms = []
        while words.starts_term():
            terms.append(self._term(words, depth))
        return terms

    def _term(self, words: _Words, depth: int) -> Term:
        token = words.take()
        if token.kind == "open":
            pipeline = self._pipeline(words, 1, depth + 1)
            if words.take().kind != "shut":
                _refuse(token.line, "has a parenthesis that is not closed")
            fields = words.fields()
            return Chain(pipeline, fields) if fields else pipeline
        if token.kind == "field":
            return Dot((token.text[1:], *words.fields()))
        if token.kind == "variable":
            self._known(token.text, token.line)
            return Variable(token.text, words.fields())
        if token.kind == "dot":
            return Dot()
        if token.kind == "word" and token.text not in _KEYWORDS:
            if token.text not in self._functions:
                _refuse(token.line, f"calls {token.text}, which is no function here")
            return Call(token.text, (), token.line)
        return _literal(token)

    def _known(self, name: str, line: int) -> None:
        if name not in self._variables:
            _refuse(line, f"uses the variable {name}, which it has not declared")


class _Words:
    """The tokens of one action, read from the left."""

    def __init__(self, action: Action, position: int) -> None:
        self._tokens = action.tokens
        self._position = position
        self.line = action.line

    @property
    def peek(self) -> Token:
        """The next token; one of kind `end` after the last."""
        return self._tokens[self._position] if self._position < len(self._tokens) else _END

    def take(self) -> Token:
        """Return the next token and go on."""
        token = self.peek
        self._position += 1
        return token

    def finish(self) -> None:
        """Refuse what is left."""
        if self.peek is not _END:
            _refuse(self.line, f"has an unexpected {self.peek.text}")

    def starts_term(self) -> bool:
        """Return whether a term comes next; terms are apart by space or by parentheses."""
        return self.peek.kind in (
            "string", "raw", "char", "number", "variable", "field", "dot", "open", "word",
        )  # fmt: skip

    def fields(self) -> tuple[str, ...]:
        """Take the fields that follow without space."""
        found = []
        while self.peek.kind == "field" and not self.peek.spaced:
            found.append(self.take().text[1:])
        return tuple(found)

    def targets(self, most: int) -> tuple[tuple[str, ...], bool]:
        """Take `$a[, $b] :=` or `=` where it is next; return the names and whether they are new."""
        found: list[str] = []
        position = self._position
        while self.peek.kind == "variable" and len(found) < most:
            found.append(self.take().text)
            if self.peek.kind == "comma":
                self.take()
                continue
            if self.peek.kind in ("declare", "assign"):
                return tuple(found), self.take().kind == "declare"
            break
        self._position = position
        return (), False


def _literal(token: Token) -> Literal:
    """Return the constant that a token stands for."""
    text = token.text
    if token.kind in ("string", "raw"):
        return Literal(unquote(text, token.line))
    if token.kind == "char":
        character = unquote(text, token.line)
        if len(character) == 1:
            return Literal(GoInt(ord(character)))
    if token.kind == "number":
        return Literal(_number(text, token.line))
    if token.kind == "word" and text in _CONSTANTS:
        return Literal(_CONSTANTS[text])
    raise _refusal(token.line, f"has an unexpected {text}")


def _number(text: str, line: int) -> float:
    try:
        if text.lstrip("+-").isdigit() and text.lstrip("+-").startswith("0"):
            return GoInt(int(text, 8))
        return GoInt(int(text, 0))
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        _refuse(line, f"has an unreadable number {text[:40]}")


def _check_depth(depth: int, line: int) -> None:
    if depth > _DEEPEST:
        _refuse(line, "is nested too deeply")


def _refuse(line: int, what: str) -> NoReturn:
    raise _refusal(line, what)


def _refusal(line: int, what: str) -> TransformError:
    return TransformError(f"the template {what} (line {line})")
