"""What a built-in trainer says when the job is at fault, and the imports that may fail."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType


class Refused(Exception):
    """The job cannot be trained as it was described; the message goes into the errorMessage."""


def require(module: str, product: str) -> ModuleType:
    """Import what only some installations have.

    Raises:
        Refused: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise Refused(
            f"The algorithm needs {product}, which is not installed beside the service ({error}). "
            f"Install it with: pip install {product}"
        ) from error
