"""Runs the Go templates of provider documents: a JSON value in, text out.

Contract: the semantics of Go's text/template over decoded JSON: missing keys are nil and print `<no
value>`, zero and empty values are false, maps are walked by sorted key. Templates come from registries, so
a run is bounded in steps, depth and output; it can call nothing but `gotemplate_functions`.

A nil may be walked into (`.a.b` where `a` is null) and numbers of JSON are exact; Go is stricter and coarser.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from tablecloud.errors import TransformError
from tablecloud.rest.transform.gotemplate_functions import FUNCTIONS
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
from tablecloud.rest.transform.gotemplate_parse import parse
from tablecloud.rest.transform.gotemplate_values import is_true, kind_of, print_value

_NAMES = frozenset(FUNCTIONS) | {"and", "or"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one run may use."""

    steps: int = 20_000_000
    """Evaluated nodes; a text that a function makes counts by its length."""
    output: int = 256 * 1024 * 1024
    """Characters written, and the most that one value may have."""
    depth: int = 120
    """Parts inside of parts, templates that call templates included."""


class _Left(Exception):
    """A `break` or `continue` on its way to its range."""

    def __init__(self, again: bool) -> None:
        self.again = again


@lru_cache(maxsize=512)
def compile_template(source: str) -> Template:
    """Return a template's tree; asked again for the same text, the same tree.

    Raises:
        TransformError: the text is not a template, or calls what is not offered.
    """
    return parse(source, _NAMES)


def render(template: Template, data: object, limits: Limits | None = None) -> str:
    """Return what a template writes.

    Parameters:
        template: from `compile_template`.
        data: dicts with text keys, lists, strings, numbers, bools, None; it is not changed.

    Raises:
        TransformError: a function refused its arguments, or a limit was reached.
    """
    run = _Run(template, limits or Limits(), [("$", data)])
    try:
        run.walk(template.body, data)
    except RecursionError:
        raise TransformError("a transform nests too deeply") from None
    return "".join(run.written)


@dataclass(slots=True)
class _Run:
    """One run: what is written, the variables in scope, what may still be used."""

    template: Template
    limits: Limits
    variables: list[tuple[str, object]]
    written: list[str] = field(default_factory=list)
    steps: int = 0
    size: int = 0
    depth: int = 0

    def walk(self, nodes: tuple[Node, ...], dot: object) -> None:
        """Run nodes with `.` being `dot`."""
        self.depth += 1
        if self.depth > self.limits.depth:
            raise TransformError("a transform nests too deeply")
        for node in nodes:
            if isinstance(node, Output):
                self._write(node.text)
            else:
                _WALKS[type(node)](self, node, dot)
        self.depth -= 1

    def _print(self, node: Print, dot: object) -> None:
        value = self.pipeline(node.pipeline, dot)
        if not node.pipeline.targets:
            self._write(print_value(value))

    def _if(self, node: If, dot: object) -> None:
        scope = len(self.variables)
        value = self.pipeline(node.pipeline, dot)
        if is_true(value):
            self.walk(node.body, value if node.sets_dot else dot)
        else:
            self.walk(node.otherwise, dot)
        del self.variables[scope:]

    def _range(self, node: Range, dot: object) -> None:
        scope, depth = len(self.variables), self.depth
        over = self.pipeline(node.pipeline, dot, range_over=True)
        empty = True
        for key, item in _items(over, node.pipeline.line):
            empty = False
            self._set_range(node.pipeline, key, item)
            try:
                self.walk(node.body, item)
            except _Left as left:
                self.depth = depth
                if not left.again:
                    break
            if node.pipeline.declares:
                del self.variables[scope:]
            self._spend(1)
        del self.variables[scope:]
        if empty:
            self.walk(node.otherwise, dot)

    def _set_range(self, pipeline: Pipeline, key: object, item: object) -> None:
        targets = pipeline.targets
        for name, value in zip(targets, (key, item) if len(targets) == 2 else (item,), strict=False):
            self._set(name, value, declares=pipeline.declares)

    def _include(self, node: Include, dot: object) -> None:
        body = self.template.defined.get(node.name)
        if body is None:
            raise TransformError(
                f"a transform uses the template {node.name[:60]!r}, which it does not define"
            )
        data = None if node.pipeline is None else self.pipeline(node.pipeline, dot)
        outer, self.variables = self.variables, [("$", data)]
        self.walk(body, data)
        self.variables = outer

    def _leave(self, node: Leave, _dot: object) -> None:
        raise _Left(node.again)

    def pipeline(self, pipeline: Pipeline, dot: object, *, range_over: bool = False) -> object:
        """Return a pipeline's value, having set its variables (which a range sets itself)."""
        value = self.term(pipeline.commands[0], dot)
        for command in pipeline.commands[1:]:
            value = self._call(command, dot, (value,)) if isinstance(command, Call) else value
        if pipeline.targets and not range_over:
            self._set(pipeline.targets[0], value, declares=pipeline.declares)
        return value

    def term(self, term: Term, dot: object) -> object:
        """Return the value of one term."""
        self._spend(1)
        match term:
            case Literal():
                return term.value
            case Dot():
                return _walk_fields(dot, term.fields)
            case Variable():
                return _walk_fields(self._variable(term.name), term.fields)
            case Call():
                return self._call(term, dot, ())
            case Chain():
                return _walk_fields(self._inner(term.pipeline, dot), term.fields)
            case Pipeline():
                return self._inner(term, dot)

    def _inner(self, pipeline: Pipeline, dot: object) -> object:
        self.depth += 1
        value = self.pipeline(pipeline, dot)
        self.depth -= 1
        return value

    def _call(self, call: Call, dot: object, piped: tuple[object, ...]) -> object:
        if call.function in ("and", "or"):
            return self._choose(call, dot, piped)
        arguments = [self.term(argument, dot) for argument in call.arguments]
        arguments.extend(piped)
        try:
            _check_count(call.function, len(arguments))
            value = FUNCTIONS[call.function](*arguments)
        except TransformError as error:
            raise TransformError(f"{error.message} (line {call.line} of the template)") from None
        if isinstance(value, str):
            self._spend(len(value) >> 6)
            if len(value) > self.limits.output:
                raise TransformError("a transform makes a text that is too long")
        return value

    def _choose(self, call: Call, dot: object, piped: tuple[object, ...]) -> object:
        """Return the first argument that decides an `and` or an `or`, else the last."""
        stops = call.function == "or"
        value: object = None
        for argument in call.arguments:
            value = self.term(argument, dot)
            if is_true(value) is stops:
                return value
        if not call.arguments and not piped:
            raise TransformError(f"{call.function} without arguments (line {call.line} of the template)")
        return piped[0] if piped else value

    def _variable(self, name: str) -> object:
        for known, value in reversed(self.variables):
            if known == name:
                return value
        raise TransformError(f"a transform uses the variable {name} before it is set")

    def _set(self, name: str, value: object, *, declares: bool) -> None:
        if declares:
            self.variables.append((name, value))
            return
        for place in range(len(self.variables) - 1, -1, -1):
            if self.variables[place][0] == name:
                self.variables[place] = (name, value)
                return
        raise TransformError(f"a transform sets the variable {name} before it is declared")

    def _write(self, text: str) -> None:
        self._spend(1)
        self.size += len(text)
        if self.size > self.limits.output:
            raise TransformError("a transform writes more than it may")
        self.written.append(text)

    def _spend(self, steps: int) -> None:
        self.steps += steps
        if self.steps > self.limits.steps:
            raise TransformError("a transform takes more steps than it may")


def _walk_fields(value: object, fields: tuple[str, ...]) -> object:
    for name in fields:
        if value is None:
            return None
        if not isinstance(value, dict):
            raise TransformError(f"a transform asks a {kind_of(value)} for its field {name}")
        value = value.get(name)
    return value


def _items(value: object, line: int) -> Iterator[tuple[object, object]]:
    """Yield key and item of what a range goes over."""
    if value is None:
        return
    if isinstance(value, dict):
        yield from ((key, value[key]) for key in sorted(value))
    elif isinstance(value, list):
        yield from ((GoInt(place), item) for place, item in enumerate(value))
    elif isinstance(value, GoInt):
        yield from ((GoInt(place), GoInt(place)) for place in range(value))
    else:
        raise TransformError(f"a transform ranges over a {kind_of(value)} (line {line} of the template)")


@lru_cache(maxsize=64)
def _counts(function: str) -> tuple[int, int]:
    """Return the fewest and the most arguments that a function takes."""
    parameters = inspect.signature(FUNCTIONS[function]).parameters.values()
    places = [p for p in parameters if p.default is p.empty and p.kind is not p.VAR_POSITIONAL]
    endless = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    return len(places), 1_000_000 if endless else len(places)


def _check_count(function: str, count: int) -> None:
    fewest, most = _counts(function)
    if not fewest <= count <= most:
        raise TransformError(f"{function} of {count} values")


_WALKS: dict[type, Callable[..., None]] = {
    Print: _Run._print,
    If: _Run._if,
    Range: _Run._range,
    Include: _Run._include,
    Leave: _Run._leave,
}
