"""Etags: a revision as eight bytes of base64. Pure. Contract: ml-jobs-service 1.9, 1.10."""

from __future__ import annotations

import base64
import binascii


def etag_of(revision: int) -> str:
    """Return the etag of a revision."""
    return base64.b64encode(revision.to_bytes(8, "big")).decode()


def revision_of(etag: str) -> int:
    """Return the revision in an etag; -1, which no resource has, where it is none of ours."""
    try:
        raw = base64.b64decode(etag, validate=True)
    except (binascii.Error, ValueError):
        return -1
    return int.from_bytes(raw, "big") if len(raw) == 8 and raw[0] < 0x80 else -1
