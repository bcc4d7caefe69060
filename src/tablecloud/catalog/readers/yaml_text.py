"""YAML text to plain values: maps, lists, texts, numbers. The only module that knows a YAML library."""

from __future__ import annotations

import re
from typing import Any

from tablecloud.errors import DocumentError

# The parser knows 64 bits; numbers beyond are limits in schemas, which nobody computes with.
_LARGE = re.compile(r"(?m)(:\s+|-\s+)(-?\d{19,})\s*$")


def read_yaml(data: bytes, label: str) -> dict[str, Any]:
    """Return the map that a YAML document is.

    Parameters:
        data: the text, in UTF-8.
        label: its file name, for errors.

    Raises:
        DocumentError: it is no YAML, or no map.
    """
    import ryaml

    try:
        text = data.decode("utf-8-sig")
        value = _parse(text)
    except (UnicodeDecodeError, ryaml.InvalidYamlError) as error:
        raise DocumentError(
            f"{label} is not YAML: {str(error).splitlines()[0]}", hint="remove the package and pull it again"
        ) from error
    if not isinstance(value, dict):
        raise DocumentError(
            f"{label} is not a provider document", hint="remove the package and pull it again"
        )
    return value


def _parse(text: str) -> Any:
    import ryaml

    try:
        return ryaml.loads(text)
    except ryaml.InvalidYamlError:
        if not _LARGE.search(text):
            raise
        return ryaml.loads(_LARGE.sub(r'\1"\2"', text))
