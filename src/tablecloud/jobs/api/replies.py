"""Replies as bytes: JSON pretty or compact, cut down by `fields`, gzipped; and the error envelope. Pure.

Contract: ml-jobs-service 1.1, 1.3.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import Any

import msgspec

from tablecloud.jobs.api.calls import HttpReply
from tablecloud.jobs.wire.errors import ApiError

_GZIP_FROM = 1024
_JSON = ("Content-Type", "application/json; charset=UTF-8")
_LEGACY_REASONS = {
    400: "badRequest",
    401: "authError",
    403: "forbidden",
    404: "notFound",
    409: "conflict",
    429: "rateLimitExceeded",
    501: "notImplemented",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How the caller wants replies written."""

    pretty: bool = True
    legacy_errors: bool = False
    """`$.xgafv=1`: error bodies get an `errors` array."""
    gzip: bool = False


def json_reply(value: object, style: Style, *, status: int = 200) -> HttpReply:
    """Return a JSON reply; its body ends in a newline."""
    body = msgspec.json.encode(value)
    if style.pretty:
        body = msgspec.json.format(body, indent=2)
    headers = [_JSON, ("Vary", "Accept-Encoding"), ("X-Content-Type-Options", "nosniff")]
    body += b"\n"
    if style.gzip and len(body) > _GZIP_FROM:
        # Level 1: on a loopback connection more effort costs more than it saves.
        body = gzip.compress(body, compresslevel=1, mtime=0)
        headers.append(("Content-Encoding", "gzip"))
    return HttpReply(status=status, headers=headers, body=body)


def error_reply(error: ApiError, style: Style) -> HttpReply:
    """Return the envelope of an error, with its BadRequest detail where it names fields."""
    body: dict[str, Any] = {"code": error.code, "message": error.message, "status": error.status}
    if style.legacy_errors:
        reason = _LEGACY_REASONS.get(error.code, "backendError")
        body["errors"] = [{"message": error.message, "domain": "global", "reason": reason}]
    if error.violations:
        fields = [{"field": v.field, "description": v.description} for v in error.violations]
        body["details"] = [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": fields}]
    reply = json_reply({"error": body}, style, status=error.code)
    reply.headers.extend(error.headers)
    return reply
