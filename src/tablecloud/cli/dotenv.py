"""Read `KEY=VALUE` files, the form that `--env.file` and most tools share."""

from __future__ import annotations

from pathlib import Path

from tablecloud.errors import SettingError


def read_env_file(path: Path) -> dict[str, str]:
    """Return the variables of a file that have a value.

    Comments, blank lines, a leading `export`, matching quotes and CRLF line ends are understood. Any other
    line is an error that names its number and never shows its text, which may be a secret.

    Raises:
        SettingError: the file cannot be read, or a line has no `=`.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingError(f"cannot read the environment file {path}: {reason}") from error
    found: dict[str, str] = {}
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip().removeprefix("export ").strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.strip():
            raise SettingError(f"{path}, line {number}: not KEY=VALUE")
        if bare := _unquote(value.strip()):
            found[name.strip()] = bare
    return found


def _unquote(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value
