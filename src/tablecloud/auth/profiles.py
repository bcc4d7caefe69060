"""Reads the sections of the configuration files that cloud providers' tools share (`~/.aws`, `~/.oci`)."""

from __future__ import annotations

from pathlib import Path

from tablecloud.errors import CredentialError


def read_sections(provider: str, path: Path) -> dict[str, dict[str, str]]:
    """Return the values by section and key; a file that is not there has none.

    Keys are lower case; `#` and `;` begin a comment line; indented lines, which nest further settings below a
    key, are left out.

    Raises:
        CredentialError: the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise CredentialError(f"cannot read the configuration file of {provider}, {path}: {reason}") from None
    sections: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("[") and "]" in stripped:
            section = sections.setdefault(" ".join(stripped[1 : stripped.index("]")].split()), {})
            continue
        key, equals, value = stripped.partition("=")
        if equals and line[0] not in "#; \t":
            section[key.strip().lower()] = value.strip()
    return sections
