"""Adds each request's credentials: by the origin it goes to, else by its provider."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from tablecloud.auth.credentials import Credential, read_file, read_secret, resolve, sign
from tablecloud.auth.spec import AuthSpec
from tablecloud.auth.tokens import TokenSource, TokenStore
from tablecloud.clock import Clock, SystemClock
from tablecloud.errors import CredentialError
from tablecloud.rest.messages import Conversation, Exchange, Request

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_NOTHING: tuple[Credential, ...] = ()
# Providers whose tools leave credentials on the machine that nobody need describe.
_AMBIENT = frozenset({"google"})


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
        self._resolved: dict[str, tuple[Credential, ...] | TokenSource] = {}

    def assign(self, root_url: str, spec: AuthSpec) -> None:
        """Give the calls below an address a credential of their own, whatever the provider's is."""
        origin = _origin(root_url)
        self._origins[origin] = spec
        self._resolved.pop(origin, None)

    def replace_defaults(self, defaults: Mapping[str, AuthSpec]) -> None:
        """Take other descriptions of the providers' own, and forget what was resolved."""
        self._defaults = defaults
        self._resolved.clear()

    def __call__(self, request: Request) -> Request | Exchange:
        """Return the request with its credentials, or the exchange that must come before.

        Raises:
            CredentialError: they are missing, broken, or would go over the network in the clear.
        """
        origin = _origin(request.url)
        spec = self._origins.get(origin)
        if spec is not None and spec.type == "bearer_file":
            # Read each time: the service behind it may have been started anew with a new token.
            token = read_file(request.provider, Path(spec.credentialsfilepath))
            return self._signed(request, (_bearer(token),))
        key = origin if spec is not None else request.provider
        if spec is None:
            spec = self._specs.get(request.provider)
        if spec is None and urlsplit(request.url).scheme != "https":
            # What lies around on the machine was meant for the real service, not for a test server.
            return request
        if spec is None:
            spec = self._defaults.get(request.provider)
        found = self._resolved.get(key)
        if found is None:
            found = self._resolved[key] = self._resolve(request.provider, spec)
        if not isinstance(found, TokenSource):
            return self._signed(request, found)
        source = found
        stored = self._tokens.get(source.key)
        if stored is None:
            return Exchange(source.key, lambda: self._fetch(source))
        return self._signed(request, (_bearer(stored.value),))

    def _resolve(self, provider: str, spec: AuthSpec | None) -> tuple[Credential, ...] | TokenSource:
        if spec is None:
            return self._ambient(provider)
        if spec.type == "unusable":
            raise CredentialError(
                f"calls of {provider} need credentials: {spec.trouble}",
                hint=f'''describe others: --auth \'{{"{provider}": {{"type": …}}}}\'''',
            )
        if self._found_elsewhere(provider, spec):
            return self._ambient(provider)
        if spec.type == "interactive":
            from tablecloud.auth.google import gcloud_source

            return gcloud_source(provider)
        if spec.type == "service_account":
            return self._service_account(provider, spec)
        if spec.type == "bearer_file":
            return (_bearer(read_file(provider, Path(spec.credentialsfilepath).expanduser())),)
        return resolve(provider, spec, self._environ)

    def _found_elsewhere(self, provider: str, spec: AuthSpec) -> bool:
        """Tell whether a provider's own description names a variable that is not set here.

        Where its tools leave credentials on the machine, those serve.
        """
        named = spec.credentialsenvvar
        ours = provider not in self._specs and provider in _AMBIENT
        return ours and bool(named) and not self._environ.get(named)

    def _ambient(self, provider: str) -> tuple[Credential, ...] | TokenSource:
        if provider not in _AMBIENT:
            return _NOTHING
        from tablecloud.auth.google import find_default

        return find_default(provider, self._environ, self._clock) or _NOTHING

    def _service_account(self, provider: str, spec: AuthSpec) -> TokenSource:
        from tablecloud.auth.google import key_source

        text = read_secret(provider, spec, self._environ)
        if text is None:
            raise CredentialError(
                f"the service account of {provider} names no key",
                hint='add "credentialsfilepath": "key.json" or "credentialsenvvar": "NAME_OF_A_VARIABLE"',
            )
        return key_source(provider, text, scopes=spec.scopes, sub=spec.sub, clock=self._clock)

    def _fetch(self, source: TokenSource) -> Conversation[None]:
        value, lifetime = yield from source.fetch()
        self._tokens.put(source.key, value, lifetime)

    def _signed(self, request: Request, credentials: tuple[Credential, ...]) -> Request:
        parts = urlsplit(request.url)
        if credentials and parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            raise CredentialError(
                f"the credentials of {request.provider} would go to {parts.hostname} in the clear",
                hint="use an https address, or auth of the type null_auth",
            )
        return sign(request, credentials) if credentials else request


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


def _bearer(token: str) -> Credential:
    return Credential(value=f"Bearer {token}", secret=token)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
