"""Fill `{{ .a.b }}` in a script with values from a JSON document; nothing else is evaluated.

Only look-ups are understood, on purpose: a template language with loops is a program hidden in a script. What
StackQL's scripts use most is accepted: `{{ .a.b }}`, `{{ a.b }}`, list positions (`{{ items.0.name }}`),
and the inline block `<<<json … >>>` at the top. Text is put in as it is; `{{ .name | quote }}` makes a SQL
string of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from tablecloud.errors import SettingError

_PLACE = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
_LOOKUP = re.compile(r"\.?([\w$-]+(?:\.[\w$-]+)*)(?:\s*\|\s*(\w+))?")
_BLOCK = re.compile(r"<<<\s*(\w+)\s*\n(.*?)>>>[ \t]*\n?", re.DOTALL)
_KEYWORDS = ("range", "if", "else", "end", "with", "define", "template", "block")


def render(text: str, values: Mapping[str, Any]) -> str:
    """Return the script with every placeholder filled.

    Parameters:
        text: the script, perhaps with one inline block of values.
        values: JSON values by name; they win over the inline block's.

    Raises:
        SettingError: a name is unknown, or a placeholder is more than a look-up.
    """
    text, inline = _take_block(text)
    merged = {**inline, **values}
    return _PLACE.sub(lambda match: _fill(match.group(1), merged), text)


def read_values(text: str, source: str) -> dict[str, Any]:
    """Return the JSON object of a values file.

    Raises:
        SettingError: it is jsonnet, no JSON, or no object.
    """
    if source.endswith(".jsonnet"):
        raise SettingError(
            f"{source} is jsonnet, which is not understood",
            hint="evaluate it first: jsonnet values.jsonnet > values.json",
        )
    try:
        values = json.loads(text)
    except ValueError as error:
        raise SettingError(f"{source} is no JSON: {error}") from None
    if not isinstance(values, dict):
        raise SettingError(f"{source} must hold a JSON object, not {type(values).__name__}")
    return values


def _take_block(text: str) -> tuple[str, dict[str, Any]]:
    match = _BLOCK.search(text)
    if match is None:
        return text, {}
    values = read_values(
        match.group(2), "the inline block" + (".jsonnet" if match.group(1) == "jsonnet" else "")
    )
    return text[: match.start()] + text[match.end() :], values


def _fill(inside: str, values: Mapping[str, Any]) -> str:
    match = _LOOKUP.fullmatch(inside)
    if match is None or match.group(1) in _KEYWORDS:
        raise SettingError(
            f"the template {{{{ {inside} }}}} is not understood",
            hint="only values are filled in, such as {{ .name }} or {{ .name | quote }}; no range, no if",
        )
    path, option = match.groups()
    value = _look_up(path, values)
    if option == "quote":
        return "'" + _as_text(value).replace("'", "''") + "'"
    if option is not None:
        raise SettingError(f"the template option {option!r} is unknown", hint="the only one is quote")
    return _as_text(value)


def _look_up(path: str, values: Mapping[str, Any]) -> Any:
    found: Any = values
    for part in path.split("."):
        if isinstance(found, Mapping) and part in found:
            found = found[part]
        elif isinstance(found, list) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        else:
            raise SettingError(f"the template names {path!r}, which has no value", hint=_known(found))
    return found


def _known(found: object) -> str:
    if isinstance(found, Mapping) and found:
        return f"known here: {', '.join(sorted(found)[:10])}"
    return "give values with --var name=value or -q values.json"


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
