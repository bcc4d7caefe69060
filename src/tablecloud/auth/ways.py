"""Chooses, from a description, the way in which requests get their credentials."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tablecloud.auth.credentials import bearer, read_file, read_secret, resolve, sign
from tablecloud.auth.spec import AuthSpec
from tablecloud.auth.tokens import TokenSource
from tablecloud.clock import Clock
from tablecloud.errors import CredentialError
from tablecloud.rest.messages import Request

# Providers whose tools leave credentials on the machine that nobody need describe.
_AMBIENT = frozenset({"google"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How requests are signed: at once, or with a token that must be fetched first."""

    sign: Callable[[Request, str], Request]
    """Takes the request and the token; the token is empty where there is no source."""
    source: TokenSource | None = None


def find_ways(provider: str, spec: AuthSpec, environ: Mapping[str, str], clock: Clock) -> tuple[Way, ...]:
    """Return what signs the requests of a provider, in order: its own way, then its successors'.

    Raises:
        CredentialError: what the description names is missing or broken.
    """
    ways = _own(provider, spec, environ, clock)
    return ways + find_ways(provider, spec.successor, environ, clock) if spec.successor else ways


def default_ways(
    provider: str, spec: AuthSpec | None, environ: Mapping[str, str], clock: Clock
) -> tuple[Way, ...]:
    """Return what signs the requests of a provider of which the user said nothing.

    That is what the provider's tools left on this machine where its own description names a variable that is
    not set here, or there is no description; else what the description says.

    Parameters:
        spec: the provider's own description; None where it has none.

    Raises:
        CredentialError: what the description names is missing or broken, or nobody understands it.
    """
    if provider in _AMBIENT and (
        spec is None or (spec.credentialsenvvar and not environ.get(spec.credentialsenvvar))
    ):
        return _ambient(provider, environ, clock)
    return find_ways(provider, spec, environ, clock) if spec else ()


def token_way(source: TokenSource) -> Way:
    """Return the way that sends an access token as Bearer."""
    return Way(sign=lambda request, token: sign(request, bearer(token)), source=source)


def kind_of(spec: AuthSpec) -> str:
    """Return the type, or what the other keys say where none is given."""
    if spec.type:
        return spec.type
    named = spec.credentialsenvvar or spec.credentialsfilepathenvvar or spec.credentialsfilepath
    return "service_account" if named else "null_auth"


def _own(provider: str, spec: AuthSpec, environ: Mapping[str, str], clock: Clock) -> tuple[Way, ...]:
    # The modules of one provider each are imported only where they are wanted: start-up is budgeted.
    match kind_of(spec):
        case "null_auth":
            return ()
        case "interactive":
            from tablecloud.auth.google import gcloud_source

            return (token_way(gcloud_source(provider)),)
        case "service_account":
            return (token_way(_service_account(provider, spec, environ, clock)),)
        case "oauth2":
            from tablecloud.auth.oauth2 import client_source

            return (token_way(client_source(provider, spec, environ)),)
        case "azure_default":
            from tablecloud.auth.azure import find_azure

            return (token_way(find_azure(provider, spec.scopes, environ, clock)),)
        case "aws_signing_v4" | "aws_assume_role":
            return (_aws(provider, spec, environ, clock),)
        case "oci_signing_v1":
            from tablecloud.auth.oci import read_key, sign_oci

            key = read_key(provider, spec, environ)
            return (Way(sign=lambda request, _: sign_oci(provider, request, key, clock.now())),)
        case "unusable":
            raise CredentialError(
                f"calls of {provider} need credentials: {spec.trouble}",
                hint=f"""describe others: --auth '{{"{provider}": {{"type": …}}}}'""",
            )
        case "bearer_file":
            credential = bearer(read_file(provider, Path(spec.credentialsfilepath).expanduser()))
        case _:
            credential = resolve(provider, spec, environ)
    return (Way(sign=lambda request, _: sign(request, credential)),)


def _ambient(provider: str, environ: Mapping[str, str], clock: Clock) -> tuple[Way, ...]:
    from tablecloud.auth.google import find_default

    source = find_default(provider, environ, clock)
    return (token_way(source),) if source else ()


def _service_account(provider: str, spec: AuthSpec, environ: Mapping[str, str], clock: Clock) -> TokenSource:
    from tablecloud.auth.google import key_source

    text = read_secret(provider, spec, environ)
    if text is None:
        raise CredentialError(
            f"the service account of {provider} names no key",
            hint='add "credentialsfilepath": "key.json" or "credentialsenvvar": "NAME_OF_A_VARIABLE"',
        )
    return key_source(provider, text, scopes=spec.scopes, sub=spec.sub, clock=clock)


def _aws(provider: str, spec: AuthSpec, environ: Mapping[str, str], clock: Clock) -> Way:
    from tablecloud.auth.aws import find_keys
    from tablecloud.auth.aws_sts import keys_of
    from tablecloud.auth.sigv4 import AwsKeys, sign_v4

    def signed(request: Request, keys: AwsKeys) -> Request:
        if request.signing is None:
            raise CredentialError(
                f"{request.full_method} cannot be signed: its document names no service for signatures",
                hint="use auth of another type for this provider",
            )
        return sign_v4(request, keys, request.signing, clock.now())

    keys = find_keys(provider, spec, environ, clock)
    if isinstance(keys, AwsKeys):
        return Way(sign=lambda request, _: signed(request, keys))
    return Way(sign=lambda request, token: signed(request, keys_of(token)), source=keys)
