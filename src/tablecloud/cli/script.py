"""From what the user gave to a script ready to run: files, standard input, templates, prepared values."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tablecloud.cli.template import read_values, render
from tablecloud.errors import SettingError


def read_script(given: Namespace) -> str:
    """Return the text to run, its templates filled in.

    Raises:
        SettingError: there is no text, or two; a file cannot be read; a template has no value.
    """
    values = template_values(given)
    text = _raw_text(getattr(given, "sql", None), getattr(given, "infile", ""))
    return render(text, values) if "{{" in text or "<<<" in text else text


def template_values(given: Namespace) -> dict[str, Any]:
    """Return the values for templates: those of the `-q` file, and those of `--var` over them."""
    values: dict[str, Any] = {}
    path = getattr(given, "iqldata", "")
    if path:
        values = read_values(_read_file(path), path)
    for word in getattr(given, "var", ()):
        name, value = split_pair(word, "--var")
        values[name] = value
    return values


def prepared_values(words: Sequence[str]) -> dict[str, Any]:
    """Return the values for `$name` and `$1`: text after `=`, any JSON after `:=`.

    Raises:
        SettingError: a word has no `=`, or what follows `:=` is no JSON.
    """
    values: dict[str, Any] = {}
    for word in words:
        name, value = split_pair(word, "--param")
        if not name.endswith(":"):
            values[name] = value
            continue
        try:
            values[name[:-1]] = json.loads(value)
        except ValueError:
            raise SettingError(
                f"--param {name}= wants JSON, not {value!r}", hint=f"for text write --param {name[:-1]}=…"
            ) from None
    return values


def split_pair(word: str, flag: str) -> tuple[str, str]:
    """Return name and value of `name=value`.

    Raises:
        SettingError: it is no such pair.
    """
    name, equals, value = word.partition("=")
    if not equals or not name.strip(":"):
        raise SettingError(f"{flag} wants NAME=VALUE, not {word!r}")
    return name, value


def _raw_text(sql: str | None, infile: str) -> str:
    if sql is not None and infile:
        raise SettingError("statements were given twice: as an argument and with -i")
    if sql is not None:
        return sql
    if infile in ("-", "stdin"):
        return sys.stdin.read()
    if not infile:
        text = "" if sys.stdin.isatty() else sys.stdin.read()
        if text.strip():
            return text
        raise SettingError("there is nothing to run", hint='try: tablecloud exec "SHOW PROVIDERS"')
    return _read_file(infile)


def _read_file(path: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SettingError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingError(f"cannot read {path}: it is not UTF-8") from error
