"""Page tokens: where a list left off, signed, and bound to the project and filter they were made for. Pure.

Contract: ml-jobs-service 1.6.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

import msgspec

from tablecloud.jobs.wire.errors import field_error

_MAC_BYTES = 16


def make_token(key: bytes, *, scope: str, position: tuple[float, str]) -> str:
    """Return the token that continues after `position`.

    Parameters:
        key: the server's signing key.
        scope: what the token is good for: collection and filter.
        position: create time and job id of the last row shown.
    """
    body = msgspec.json.encode(position)
    return base64.urlsafe_b64encode(_mac(key, scope, body) + body).rstrip(b"=").decode()


def read_token(key: bytes, token: str, *, scope: str) -> tuple[float, str]:
    """Return the position inside a token.

    Raises:
        ApiError: INVALID_ARGUMENT: damaged, or made for another collection or filter.
    """
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _refused() from None
    mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(key, scope, body)):
        raise _refused()
    return msgspec.json.decode(body, type=tuple[float, str])


def _mac(key: bytes, scope: str, body: bytes) -> bytes:
    bound = hashlib.sha256(scope.encode()).digest()
    return hmac.digest(key, bound + body, "sha256")[:_MAC_BYTES]


def _refused() -> Exception:
    return field_error("page_token", "The page token is invalid, or belongs to another request or filter.")
