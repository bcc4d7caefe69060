"""The answer of API methods that this server does not have. Pure. Contract: ml-jobs-service 1.4."""

from __future__ import annotations

from tablecloud.jobs.wire.errors import ApiError

_MISSING = {
    "studies": "Studies and trials (Vizier) are not offered by this server.",
}


def unimplemented(method: str) -> ApiError:
    """Return the answer of a method of the API that this server does not have.

    Parameters:
        method: Discovery id, such as `ml.projects.models.create`.
    """
    words = method.split(".")
    reason = next((_MISSING[word] for word in words if word in _MISSING), "This server does not offer it.")
    return ApiError("UNIMPLEMENTED", f"Method {method} is not implemented. {reason}")
