"""Keeps access tokens: in memory, and on disk so that the next command need not fetch one."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import msgspec

from tablecloud.clock import Clock
from tablecloud.rest.messages import Conversation

# A token about to expire is renewed before it is refused on its way.
_MARGIN = 120.0
# A service that says "expired already" must not make us ask for ever.
_SHORTEST_LIFE = 30.0
# A token this young that is refused was not revoked: it is not allowed to do what was asked.
_YOUNG = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token, the second (since the epoch) after which it should not be used, and its birth."""

    value: str = field(repr=False)
    expires: float
    fetched: float = 0.0


Fetched: TypeAlias = tuple[str, float]
"""A token and the seconds it is good for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSource:
    """A way to a token: `key` names it in stores, `fetch` gets one."""

    key: str = field(repr=False)
    fetch: Callable[[], Conversation[Fetched]]


class _Stored(msgspec.Struct, frozen=True):
    value: str
    expires: float
    fetched: float = 0.0

    def __repr__(self) -> str:
        return "_Stored(***)"


class TokenStore:
    """Tokens by key. Files lie below `folder`, 0600, named by the key's hash; None keeps to memory."""

    def __init__(self, folder: Path | None, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._tokens: dict[str, Token] = {}

    def get(self, key: str) -> Token | None:
        """Return a token that is good for a while, or None."""
        token = self._tokens.get(key) or self._read(key)
        if token is None or token.expires <= self._clock.now():
            return None
        self._tokens[key] = token
        return token

    def put(self, key: str, value: str, lifetime: float) -> None:
        """Keep a token that the service says is good for `lifetime` seconds."""
        life = max(_SHORTEST_LIFE, lifetime - _MARGIN)
        token = Token(value=value, expires=self._clock.now() + life, fetched=self._clock.now())
        self._tokens[key] = token
        if self._folder is not None:
            # A token that cannot be stored is fetched again next time: no reason to fail a query.
            with suppress(OSError):
                self._write(self._folder, key, token)

    def refuse(self, key: str, value: str) -> bool:
        """Forget a token that a service did not take; False where another one would fare no better."""
        token = self._tokens.get(key)
        if token is None or token.value != value:
            return True  # Another call has noticed already.
        if self._clock.now() - token.fetched < _YOUNG:
            return False
        del self._tokens[key]
        stored = self._read(key)
        # Another process may have stored a newer one already.
        if self._folder is not None and stored is not None and stored.value == value:
            with suppress(OSError):
                (self._folder / _file_name(key)).unlink()
        return True

    def _read(self, key: str) -> Token | None:
        if self._folder is None:
            return None
        try:
            stored = msgspec.json.decode((self._folder / _file_name(key)).read_bytes(), type=_Stored)
        except (OSError, msgspec.MsgspecError):
            return None
        return Token(value=stored.value, expires=stored.expires, fetched=stored.fetched)

    def _write(self, folder: Path, key: str, token: Token) -> None:
        import tempfile

        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # mkstemp makes it 0600; the rename makes it whole for readers in other processes.
        descriptor, name = tempfile.mkstemp(dir=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(_Stored(token.value, token.expires, token.fetched)))
        Path(name).replace(folder / _file_name(key))


def _file_name(key: str) -> str:
    import hashlib

    return hashlib.sha256(key.encode()).hexdigest()[:40] + ".json"
