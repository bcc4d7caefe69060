"""Formats values as Go's fmt does: `printf` and its verbs, and Go's quoting.

Contract: package fmt for the verbs v s q d t f F e E g G x X c U T and %, the flags `+ - 0` and space,
width and precision. A number of JSON is taken by the verbs of integers too where it is one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tablecloud.errors import TransformError
from tablecloud.rest.transform.gotemplate_values import decimal, kind_of, show, show_float, type_of

_WIDEST = 10_000
_VERB = re.compile(r"%(?P<flags>[+\-# 0]*)(?P<width>\d+)?(?:\.(?P<precision>\d*))?(?P<verb>.)?", re.S)
_QUOTED = {
    "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\",
}  # fmt: skip


def printf(template: str, values: Sequence[object]) -> str:
    """Return a format filled with values; what does not fit is written as Go writes it: `%!d(string=x)`.

    Raises:
        TransformError: a width or precision is absurd.
    """
    left = list(values)
    text = _VERB.sub(lambda match: _directive(match, left), template)
    if not left:
        return text
    extra = ", ".join(type_of(v) if v is None else f"{type_of(v)}={show(v)}" for v in left)
    return f"{text}%!(EXTRA {extra})"


def quote(text: str) -> str:
    """Return a text as a Go string literal (strconv.Quote)."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return f'"{"".join(_quoted(character, chr(34)) for character in text)}"'


def join_printed(values: Sequence[object]) -> str:
    """Return values as fmt.Sprint does: a space between two of which neither is a string."""
    parts: list[str] = []
    for number, value in enumerate(values):
        if number and not isinstance(value, str) and not isinstance(values[number - 1], str):
            parts.append(" ")
        parts.append(show(value))
    return "".join(parts)


def _quoted(character: str, mark: str) -> str:
    if character in _QUOTED:
        return _QUOTED[character]
    if character == mark:
        return f"\\{mark}"
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _directive(match: re.Match[str], left: list[object]) -> str:
    verb, flags = match["verb"], match["flags"]
    width = int(match["width"] or 0)
    precision = None if match["precision"] is None else int(match["precision"] or 0)
    if max(width, precision or 0) > _WIDEST:
        raise TransformError("a transform formats with an absurd width")
    if verb is None:
        return "%!(NOVERB)"
    if verb in "[*":
        raise TransformError(f"a transform's format has %{verb}, which is not offered")
    if verb == "%":
        return "%"
    if not left:
        return f"%!{verb}(MISSING)"
    return _format(left.pop(0), verb, flags, width, precision)


def _format(value: object, verb: str, flags: str, width: int, precision: int | None) -> str:
    """Return one value by one verb; lists and maps apply the verb to each element."""

    def each(item: object) -> str:
        return _format(item, verb, flags, width, precision)

    if verb == "T":
        return _pad(type_of(value), flags, width)
    if isinstance(value, list):
        return f"[{' '.join(map(each, value))}]"
    if isinstance(value, dict):
        pairs = (f"{each(key)}:{each(value[key])}" for key in sorted(value))
        return f"map[{' '.join(pairs)}]"
    text = _scalar(value, verb, flags, precision)
    if text is None:
        detail = "<nil>" if value is None else f"{type_of(value)}={show(value)}"
        return f"%!{verb}({detail})"
    return _pad(text, flags, width, numeric=kind_of(value) in ("int", "float64") and verb not in "qcU")


def _scalar(value: object, verb: str, flags: str, precision: int | None) -> str | None:
    """Return a scalar by a verb; None where the verb does not take it."""
    if isinstance(value, str):
        return _string(value, verb, precision)
    if isinstance(value, bool):
        return ("true" if value else "false") if verb in "vt" else None
    if isinstance(value, int):
        return _integer(value, verb, flags, precision)
    if isinstance(value, float):
        if verb in "dxXcqU" and value.is_integer():
            return _integer(int(value), verb, flags, precision)
        return _float(value, verb, flags, precision)
    return show(value) if verb == "v" else None


def _string(value: str, verb: str, precision: int | None) -> str | None:
    text = value if precision is None else value[:precision]
    if verb in "vs":
        return text
    if verb == "q":
        return quote(text)
    if verb in "xX":
        digits = value.encode("utf-8", "replace").hex()
        return digits if verb == "x" else digits.upper()
    return None


def _integer(value: int, verb: str, flags: str, precision: int | None) -> str | None:
    if verb in "eEfFgG":
        try:
            return _float(float(value), verb, flags, precision)
        except OverflowError:
            return None
    if verb in "qcU":
        character = chr(value) if 0 <= value < 0x110000 and not 0xD800 <= value < 0xE000 else "\ufffd"
        if verb == "U":
            return f"U+{value:04X}"
        return character if verb == "c" else f"'{_quoted(character, chr(39))}'"
    bases = {"v": "d", "d": "d", "x": "x", "X": "X", "b": "b", "o": "o"}
    if verb not in bases:
        return None
    digits = decimal(abs(value)) if bases[verb] == "d" else format(abs(value), bases[verb])
    return _sign(value < 0, flags) + digits.rjust(precision or 0, "0")


def _float(value: float, verb: str, flags: str, precision: int | None) -> str | None:
    if verb not in "vgGeEfF":
        return None
    if precision is None and verb in "vgG":
        text = show_float(abs(value))
        return _sign(value < 0, flags) + (text.upper() if verb == "G" else text).lstrip("+")
    text = format(abs(value), f".{6 if precision is None else precision}{'g' if verb == 'v' else verb}")
    return _sign(value < 0, flags) + text


def _sign(negative: bool, flags: str) -> str:
    return "-" if negative else "+" if "+" in flags else " " if " " in flags else ""


def _pad(text: str, flags: str, width: int, *, numeric: bool = False) -> str:
    if "-" in flags:
        return text.ljust(width)
    if "0" in flags and numeric:
        return text.zfill(width)
    return text.rjust(width)
