"""Where the Google Discovery documents lie: inside the installed google-api-python-client package.

The package is found without importing it (its import costs 200 ms). Nothing is vendored.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

from tablecloud.errors import DocumentError


@cache
def discovery_folder() -> Path:
    """Return the folder that holds one `<name>.<version>.json` a document.

    Raises:
        DocumentError: google-api-python-client is not installed or has no bundled documents.
    """
    spec = importlib.util.find_spec("googleapiclient")
    locations = list(spec.submodule_search_locations or ()) if spec else []
    for location in locations:
        folder = Path(location) / "discovery_cache" / "documents"
        if folder.is_dir():
            return folder
    raise DocumentError(
        "the Google Discovery documents are missing",
        hint="install them with: pip install google-api-python-client",
    )


def discovery_document(name: str, version: str) -> bytes:
    """Return the bytes of one bundled document.

    Raises:
        DocumentError: there is no such document.
    """
    path = discovery_folder() / f"{name}.{version}.json"
    try:
        return path.read_bytes()
    except OSError as error:
        raise DocumentError(f"cannot read the Discovery document {path.name}: {error.strerror}") from error
