"""Who is logged in to the page: one-time links and sessions. In memory, gone with the server.

A session's id is a cookie; the server's token never is, because a browser shows a cookie of this host to
every other port of it. A link is a time and a signature under a key of this run of the server, so that
`tablecloud ml status` can make one from the token file alone.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass

LINK_SECONDS = 600.0
SESSION_SECONDS = 12 * 3600.0
_MAX_SESSIONS = 1000


def link_key(token: str, started: float) -> bytes:
    """Return the key of links, from the server's own token and when this server started."""
    return hmac.digest(token.encode(), f"links of the page since {started!r}".encode(), "sha256")


def make_code(key: bytes, now: float) -> str:
    """Return the code of a link that is good for LINK_SECONDS, once."""
    body = f"{int(now + LINK_SECONDS):x}.{secrets.token_hex(8)}"
    return f"{body}.{_signature(key, body)}"


def link(url: str, key: bytes, now: float) -> str:
    """Return a link that logs a browser in, once.

    Parameters:
        url: of the server.
    """
    return f"{url}/ui/enter?code={make_code(key, now)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    member: str
    ends: float


class Sessions:
    """The sessions of one server; used from its one event loop.

    Parameters:
        key: of links; empty where there are none.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._used: dict[str, float] = {}
        self._sessions: dict[str, _Session] = {}

    def redeem(self, code: str, now: float) -> bool:
        """Say whether a code is good; it is not any more after that."""
        body, _, signature = code.rpartition(".")
        wanted = _signature(self._key, body)
        if not self._key or not hmac.compare_digest(wanted.encode(), signature.encode("utf-8", "replace")):
            return False
        ends = float(int(body.partition(".")[0], 16))
        self._used = {used: end for used, end in self._used.items() if end > now}
        if ends <= now or code in self._used:
            return False
        self._used[code] = ends
        return True

    def open(self, member: str, now: float) -> str:
        """Begin a session and return its id."""
        self._sessions = {key: one for key, one in self._sessions.items() if one.ends > now}
        while len(self._sessions) >= _MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        session_id = secrets.token_urlsafe(32)
        self._sessions[session_id] = _Session(member=member, ends=now + SESSION_SECONDS)
        return session_id

    def member(self, session_id: str, now: float) -> str | None:
        """Return who a session is; None for one that is unknown or over."""
        session = self._sessions.get(session_id)
        return session.member if session is not None and session.ends > now else None

    def close(self, session_id: str) -> None:
        """End a session."""
        self._sessions.pop(session_id, None)


def _signature(key: bytes, body: str) -> str:
    return hmac.digest(key or b"-", body.encode("utf-8", "replace"), "sha256").hex()
