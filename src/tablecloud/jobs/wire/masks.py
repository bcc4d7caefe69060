"""Field masks of update requests: which paths they name, and which a method supports. Pure."""

from __future__ import annotations

from tablecloud.jobs.wire.errors import field_error
from tablecloud.jobs.wire.schemas import camel_case


def read_mask(text: str | None, *, supported: tuple[str, ...], required: bool) -> frozenset[str]:
    """Return the paths of a mask in lowerCamelCase; both spellings are accepted.

    Parameters:
        text: comma-separated paths; None or empty where the request had none.
        supported: paths the method can change, named in the error.
        required: whether an empty mask is an error (contract 1.9).

    Raises:
        ApiError: INVALID_ARGUMENT, an unsupported path or a missing mask.
    """
    paths = [path.strip() for path in (text or "").split(",") if path.strip()]
    if required and not paths:
        raise field_error(
            "update_mask", f"An update mask is required. Supported paths: {', '.join(supported)}."
        )
    names = [".".join(camel_case(part) for part in path.split(".")) for path in paths]
    for name, path in zip(names, paths, strict=True):
        if name not in supported:
            raise field_error(
                "update_mask",
                f"The path '{path[:200]}' cannot be updated. Supported paths: {', '.join(supported)}.",
            )
    return frozenset(names)
