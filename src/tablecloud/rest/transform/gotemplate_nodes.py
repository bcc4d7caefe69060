"""The tree of a parsed Go template: what each construct is, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant; numbers without a fraction are `GoInt`s."""

    value: object


@dataclass(frozen=True, slots=True)
class Dot:
    """The value at hand, `.`, and fields below it: `.a.b`."""

    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Variable:
    """`$name`, and fields below it; the name `$` is the data."""

    name: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chain:
    """Fields of what a pipeline in parentheses gives."""

    pipeline: Pipeline
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function and its arguments."""

    function: str
    arguments: tuple[Term, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Terms, each the last argument of the next; then where the value goes, if anywhere."""

    commands: tuple[Term, ...]
    targets: tuple[str, ...] = ()
    declares: bool = False
    line: int = 0


Term: TypeAlias = Literal | Dot | Variable | Chain | Call | Pipeline


@dataclass(frozen=True, slots=True)
class Output:
    """Text that is written as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Print:
    """A pipeline whose value is written, unless a variable takes it."""

    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class If:
    """`if` and, where `sets_dot`, `with`."""

    pipeline: Pipeline
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]
    sets_dot: bool = False


@dataclass(frozen=True, slots=True)
class Range:
    """`range`: the body once an item; `otherwise` where there is none."""

    pipeline: Pipeline
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Include:
    """`template`: runs a template by name."""

    name: str
    pipeline: Pipeline | None
    line: int


@dataclass(frozen=True, slots=True)
class Leave:
    """`break`, or `continue` where `again`."""

    again: bool


Node: TypeAlias = Output | Print | If | Range | Include | Leave


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A whole template: its own nodes, and what it defines by name."""

    body: tuple[Node, ...]
    defined: dict[str, tuple[Node, ...]] = field(default_factory=dict)


class GoInt(int):
    """An int of Go: an index, a length, a literal. A number of JSON is a plain int or float, Go's float64."""

    __slots__ = ()
