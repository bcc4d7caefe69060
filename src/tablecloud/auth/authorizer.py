"""Adds each request's credentials: by the origin it goes to, else by its provider and connection."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from tablecloud.auth.credentials import bearer, read_file, sign
from tablecloud.auth.spec import AuthSpec, connection
from tablecloud.auth.tokens import TokenSource, TokenStore
from tablecloud.auth.ways import Way, default_ways, find_ways
from tablecloud.clock import Clock, SystemClock
from tablecloud.errors import CredentialError
from tablecloud.rest.messages import Conversation, Exchange, Request

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Authorizer:
    """The transport's `Authorize`. Called in its thread; `assign` may be called from any other."""

    def __init__(
        self,
        specs: Mapping[str, AuthSpec],
        *,
        defaults: Mapping[str, AuthSpec],
        environ: Mapping[str, str],
        tokens: TokenStore,
        clock: Clock,
    ) -> None:
        self._specs = dict(specs)
        self._defaults = defaults
        self._origins: dict[str, AuthSpec] = {}
        self._environ = environ
        self._tokens = tokens
        self._clock = clock
        self._ways: dict[tuple[str, str], tuple[Way, ...]] = {}

    def assign(self, root_url: str, spec: AuthSpec) -> None:
        """Give the calls below an address a credential of their own, whatever the provider's is."""
        origin = _origin(root_url)
        self._origins[origin] = spec
        self._ways.pop((origin, ""), None)

    def replace_defaults(self, defaults: Mapping[str, AuthSpec]) -> None:
        """Take other descriptions of the providers' own, and forget what was resolved."""
        self._defaults = defaults
        self._ways.clear()

    def __call__(self, request: Request) -> Request | Exchange:
        """Return the request with its credentials, or the exchange that must come before.

        Raises:
            CredentialError: they are missing, broken, or would go over the network in the clear.
        """
        origin = _origin(request.url)
        spec = self._origins.get(origin)
        if spec is not None and spec.type == "bearer_file":
            # Read each time: the service behind it may have been started anew with a new token.
            _check_secrecy(request)
            return sign(request, bearer(read_file(request.provider, Path(spec.credentialsfilepath))))
        key = (origin, "") if spec is not None else (request.provider, request.connection)
        spec = spec or self._specs.get(request.provider)
        if spec is None and not request.url.startswith("https:"):
            # What lies around on the machine was meant for the real service, not for a test server.
            return request
        ways = self._ways.get(key)
        if ways is None:
            ways = self._ways[key] = self._resolve(request, key[1], spec)
        if ways:
            _check_secrecy(request)
        for way in ways:
            ready = self._signed(request, way)
            if isinstance(ready, Exchange):
                return ready
            request = ready
        return request

    def _resolve(self, request: Request, name: str, spec: AuthSpec | None) -> tuple[Way, ...]:
        provider = request.provider
        if name:
            spec = connection(provider, spec or AuthSpec(), name)
        if spec is None:
            return default_ways(provider, self._defaults.get(provider), self._environ, self._clock)
        return find_ways(provider, spec, self._environ, self._clock)

    def _signed(self, request: Request, way: Way) -> Request | Exchange:
        source = way.source
        if source is None:
            return way.sign(request, "")
        stored = self._tokens.get(source.key)
        if stored is None:
            return Exchange(source.key, lambda: self._fetch(source))
        token = stored.value
        return replace(way.sign(request, token), renew=lambda: self._tokens.refuse(source.key, token))

    def _fetch(self, source: TokenSource) -> Conversation[None]:
        value, lifetime = yield from source.fetch()
        self._tokens.put(source.key, value, lifetime)


def authorizer(
    specs: Mapping[str, AuthSpec],
    *,
    defaults: Mapping[str, AuthSpec] | None = None,
    root: Path | None = None,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
) -> Authorizer:
    """Return what adds credentials to requests.

    Parameters:
        specs: by provider, as `read_auth` reads them.
        defaults: by provider, what its package asks for; a provider in `specs` has no use for it.
        root: the application root; tokens are kept below it. None keeps them in memory.
        environ: None means this process's environment.
    """
    used = clock or SystemClock()
    tokens = TokenStore(root / "tokens" if root else None, used)
    return Authorizer(
        specs,
        defaults=defaults or {},
        environ=os.environ if environ is None else environ,
        tokens=tokens,
        clock=used,
    )


def bearer_file(path: Path) -> AuthSpec:
    """Return the description of a token that lies in a file, such as the embedded service's."""
    return AuthSpec(type="bearer_file", credentialsfilepath=str(path))


def _check_secrecy(request: Request) -> None:
    parts = urlsplit(request.url)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise CredentialError(
            f"the credentials of {request.provider} would go to {parts.hostname} in the clear",
            hint="use an https address, or auth of the type null_auth",
        )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
