"""The functions that templates of provider documents may call; there are no others, and none reaches out.

Contract: the predefined functions of Go's text/template, and the documents' own (`toJson`, `kindOf`,
`separator`, `jsonMapFromString`, `safeIndex`, `toBool`, `toInt`, `plus1`). Numbers of JSON and of Go
compare as numbers, where Go refuses the mix. `and` and `or` are the interpreter's, for they stop early.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import quote_plus

import msgspec

from tablecloud.errors import TransformError
from tablecloud.rest.transform.gotemplate_format import join_printed, printf
from tablecloud.rest.transform.gotemplate_nodes import GoInt
from tablecloud.rest.transform.gotemplate_values import GoFunction, is_true, kind_of, to_json

Function: TypeAlias = Callable[..., object]
_NUMBERS = ("int", "float64")
_HTML = str.maketrans({"<": "&lt;", ">": "&gt;", "&": "&amp;", "'": "&#39;", '"': "&#34;", "\0": "\ufffd"})
_SCRIPT = {
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
    "<": "\\u003C",
    ">": "\\u003E",
    "&": "\\u0026",
    "=": "\\u003D",
}


def index(item: object, *keys: object) -> object:
    """Return `item[key]…`: nil for a key that a map has not, a failure for a place that a list has not."""
    for key in keys:
        if item is None:
            raise TransformError("index of nil")
        if isinstance(item, dict):
            item = item.get(_text(key))
        elif isinstance(item, list | str):
            item = _at(item, key)
        else:
            raise TransformError(f"index of a {kind_of(item)}")
    return item


def safe_index(item: object, key: object) -> object:
    """Return `item[key]`, nil where there is no such thing."""
    if isinstance(item, dict):
        return item.get(key) if isinstance(key, str) else None
    if isinstance(item, list) and _is_number(key) and 0 <= _whole(key) < len(item):
        return item[_whole(key)]
    return None


def length(item: object) -> object:
    """Return the number of entries, or of a string's bytes."""
    if isinstance(item, str):
        return GoInt(len(item.encode("utf-8", "replace")))
    if isinstance(item, dict | list):
        return GoInt(len(item))
    raise TransformError(f"len of {_a(item)}")


def cut(item: object, *bounds: object) -> object:
    """Return a part of a list or string, by places (of bytes, in a string)."""
    if not isinstance(item, list | str) or len(bounds) > 3 or (len(bounds) == 3 and isinstance(item, str)):
        raise TransformError(f"slice of {_a(item)}")
    places = [_whole(bound) for bound in bounds[:2]]
    whole = item.encode("utf-8", "replace") if isinstance(item, str) else item
    start, end = (*places, 0)[0] if places else 0, places[1] if len(places) > 1 else len(whole)
    if not 0 <= start <= end <= len(whole):
        raise TransformError("slice beyond the end")
    part = whole[start:end]
    return part.decode("utf-8", "replace") if isinstance(part, bytes) else part


def equal(first: object, *others: object) -> bool:
    """Return whether the first value equals any of the others."""
    if not others:
        raise TransformError("eq of one value")
    return any(_equal(first, other) for other in others)


def _equal(left: object, right: object) -> bool:
    if left is None or right is None:
        return left is right
    kinds = _comparable(left), _comparable(right)
    if kinds[0] != kinds[1]:
        raise TransformError(f"eq of {kinds[0]} and {kinds[1]}")
    return left == right


def _comparable(value: object) -> str:
    kind = kind_of(value)
    if kind in ("map", "slice", "func"):
        raise TransformError(f"eq of a {kind}")
    return "number" if kind in _NUMBERS else kind


def _ordered(compare: Callable[[Any, Any], bool]) -> Function:
    def run(left: object, right: object) -> bool:
        kinds = kind_of(left), kind_of(right)
        if not (kinds == ("string", "string") or (kinds[0] in _NUMBERS and kinds[1] in _NUMBERS)):
            raise TransformError(f"comparison of {kinds[0]} and {kinds[1]}")
        return compare(left, right)

    return run


def separator(text: object) -> object:
    """Return a function that gives "" when it is called first, `text` ever after."""
    texts = iter(("",))
    word = _text(text)
    return GoFunction(lambda: next(texts, word))


def call(function: object, *arguments: object) -> object:
    """Call a function that is a value."""
    if not isinstance(function, GoFunction) or arguments:
        raise TransformError(f"call of {_a(function)}")
    return function.run()


def json_map(text: object) -> object:
    """Return the JSON object that a text holds."""
    try:
        found = msgspec.json.decode(_text(text))
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise TransformError("jsonMapFromString of a text that is not JSON") from None
    if not isinstance(found, dict):
        raise TransformError(f"jsonMapFromString of a {kind_of(found)}")
    return found


def to_bool(value: object) -> object:
    """Return a bool, or what a text says: 1, t, true, 0, f, false."""
    if isinstance(value, str):
        if value in ("1", "t", "T", "true", "TRUE", "True"):
            return True
        if value in ("0", "f", "F", "false", "FALSE", "False"):
            return False
    elif isinstance(value, bool):
        return value
    raise TransformError(f"toBool of {_a(value)} that is none")


def to_int(value: object) -> object:
    """Return a number without its fraction, or the integer that a text holds."""
    try:
        return GoInt(int(value, 10) if isinstance(value, str) else _whole(value, exact=False))
    except (ValueError, OverflowError):
        raise TransformError(f"toInt of {_a(value)} that is none") from None


def plus_one(value: object) -> object:
    """Return a number and one."""
    return GoInt(_whole(value) + 1)


def url_query(*values: object) -> str:
    """Return text escaped for a query string."""
    return quote_plus(_printed(values), safe="", errors="replace")


def script(*values: object) -> str:
    """Return text escaped for a JavaScript string."""
    return "".join(_SCRIPT.get(c) or (c if c.isprintable() else f"\\u{ord(c):04X}") for c in _printed(values))


def _printed(values: tuple[object, ...]) -> str:
    return values[0] if len(values) == 1 and isinstance(values[0], str) else join_printed(values)


def _at(item: list[object] | str, key: object) -> object:
    place = _whole(key)
    whole = item.encode("utf-8", "replace") if isinstance(item, str) else item
    if not 0 <= place < len(whole):
        raise TransformError(f"index {place} beyond the end")
    found: object = whole[place]
    return GoInt(found) if isinstance(whole, bytes) and isinstance(found, int) else found


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise TransformError(f"a string is needed, not {_a(value)}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole(value: object, *, exact: bool = True) -> int:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            whole = int(value)
        except (OverflowError, ValueError):
            raise TransformError("an integer is needed, not an endless number") from None
        if whole == value or not exact:
            return whole
    raise TransformError(f"an integer is needed, not {_a(value)}")


def _a(value: object) -> str:
    return "nil" if value is None else f"a {kind_of(value)}"


FUNCTIONS: Mapping[str, Function] = {
    "call": call,
    "eq": equal,
    "ge": _ordered(operator.ge),
    "gt": _ordered(operator.gt),
    "html": lambda *values: _printed(values).translate(_HTML),
    "index": index,
    "js": script,
    "jsonMapFromString": json_map,
    "kindOf": kind_of,
    "le": _ordered(operator.le),
    "len": length,
    "lt": _ordered(operator.lt),
    "ne": lambda left, right: not _equal(left, right),
    "not": lambda value: not is_true(value),
    "plus1": plus_one,
    "print": lambda *values: join_printed(values),
    "printf": lambda template, *values: printf(_text(template), values),
    "println": lambda *values: " ".join(join_printed((value,)) for value in values) + "\n",
    "safeIndex": safe_index,
    "separator": separator,
    "slice": cut,
    "toBool": to_bool,
    "toInt": to_int,
    "toJson": to_json,
    "urlquery": url_query,
}
"""Name in a template -> function. A wrong number of arguments is the interpreter's to report."""
