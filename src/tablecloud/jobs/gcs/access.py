"""Who may use the storage face: callers with a token that may run jobs, and running jobs themselves.

A job's credential is Basic authorization, made by `credentials`; a person may write a bearer token there as
the password.

Whoever may run jobs may read and write every bucket: a job runs as the service's own user and sees the same
files, so a finer rule here would keep nobody out. `docs/decisions/0006-storage-access.md` has the reasons.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from urllib.parse import unquote

from tablecloud.jobs.api.conditions import Attributes
from tablecloud.jobs.api.principals import Principals, caller_of
from tablecloud.jobs.api.roles import granted
from tablecloud.jobs.gcs.credentials import job_secret
from tablecloud.jobs.gcs.model import Refusal
from tablecloud.jobs.wire.errors import ApiError

_PERMISSION = "ml.jobs.create"


def admit(
    principals: Principals,
    key: bytes,
    headers: Mapping[str, str],
    token: str | None,
    *,
    is_active: Callable[[str], bool],
    now: float,
) -> bool:
    """Let a caller in; say whether it is a job.

    Parameters:
        headers: of the request, by lower-case name.
        token: from the query, where the caller put it there.
        is_active: whether the job of a uid has not ended.
        now: for conditions, seconds since the epoch.

    Raises:
        Refusal: 401 or 403.
    """
    user, password = _basic(headers.get("authorization", ""))
    if user and hmac.compare_digest(job_secret(key, user).encode(), password.encode()):
        if is_active(user):
            return True
        raise Refusal(403, "The job of this address has ended.")
    bearer = {"authorization": f"Bearer {password}"} if password else dict(headers)
    try:
        member = caller_of(principals, bearer, token)
    except ApiError as error:
        # Anonymous clients take a 401 for an order to renew a credential, fail at it, and hide what was said.
        status = error.code if "bearer" in headers.get("authorization", "").lower() else 403
        raise Refusal(status, f"{error.message} {_HOW}") from None
    _require_runner(principals, member, now)
    return bool(password)


_HOW = (
    "Send `Authorization: Bearer TOKEN`, or set STORAGE_EMULATOR_HOST=http://user:TOKEN@HOST:PORT; "
    "jobs have it set for them."
)


def _require_runner(principals: Principals, member: str, now: float) -> None:
    """Refuse a member that may run jobs in no project.

    Raises:
        Refusal: 403.
    """
    for project, bindings in principals.bindings.items():
        attributes = Attributes(
            time=now, name=f"projects/{project}", type="cloudresourcemanager.googleapis.com/Project"
        )
        held = granted(bindings, member=member, groups=principals.groups, attributes=attributes)
        if _PERMISSION in held:
            return
    raise Refusal(403, f"{member} may not run jobs in any project, and so may not use the buckets.")


def _basic(authorization: str) -> tuple[str, str]:
    """Return user and password of Basic authorization; empty where it is none."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    user, _, password = text.partition(":")
    return unquote(user), unquote(password)
