"""Google tokens by another system's identity (workload identity federation), or on behalf of an account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from tablecloud.auth.credentials import read_file
from tablecloud.auth.exchange import ask, check_address, form_request, send
from tablecloud.auth.tokens import Fetched, TokenSource
from tablecloud.clock import Clock
from tablecloud.errors import CredentialError
from tablecloud.rest.messages import Conversation, Request

_CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - the name of a kind
# Azure's machines hand out their identity without encryption, on an address that no network routes.
_METADATA_HOST = "169.254.169.254"


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """How the foreign token is written down."""

    type: str = "text"
    field: str = msgspec.field(default="", name="subject_token_field_name")


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where the foreign token is: in a file or behind an address."""

    file: str = ""
    url: str = ""
    headers: dict[str, str] = {}
    format: Format = Format()


class External(msgspec.Struct, frozen=True, kw_only=True):
    """A credentials file of the type `external_account`."""

    audience: str
    subject_token_type: str
    credential_source: Source
    token_url: str = "https://sts.googleapis.com/v1/token"  # noqa: S105 - an address
    service_account_impersonation_url: str = ""

    def __repr__(self) -> str:
        return f"External(audience={self.audience!r})"


class _Impersonated(msgspec.Struct, rename="camel"):
    access_token: str
    expire_time: datetime


def external_source(provider: str, text: str, scopes: tuple[str, ...], clock: Clock) -> TokenSource:
    """Return the way to a token by trading another system's (RFC 8693), such as a pipeline's.

    Raises:
        CredentialError: the file is not complete, or names an address that is not https.
    """
    try:
        account = msgspec.json.decode(text, type=External)
    except msgspec.MsgspecError as error:
        raise CredentialError(f"the external account of {provider} is not understood: {error}") from None
    check_address(provider, account.token_url)
    source, acting = account.credential_source, account.service_account_impersonation_url
    if not source.file and not source.url:
        raise CredentialError(
            f"the external account of {provider} takes its token neither from a file nor from an address",
            hint="programs and AWS keys are not known here as sources of it",
        )
    if source.url and urlsplit(source.url).hostname != _METADATA_HOST:
        check_address(provider, source.url)

    def fetch() -> Conversation[Fetched]:
        foreign = yield from _read_foreign(provider, source)
        form = {
            "grant_type": _EXCHANGE,
            "audience": account.audience,
            "scope": _CLOUD_PLATFORM if acting else " ".join(scopes),
            "requested_token_type": _ACCESS_TOKEN,
            "subject_token": foreign,
            "subject_token_type": account.subject_token_type,
        }
        return (yield from ask(provider, form_request(account.token_url, form, (foreign,))))

    key = f"external {account.audience} {source.file or source.url} {' '.join(scopes)}"
    own = TokenSource(key=key, fetch=fetch)
    return acting_source(provider, own, acting, (), scopes, clock) if acting else own


def acting_source(
    provider: str,
    base: TokenSource,
    url: str,
    delegates: Sequence[str],
    scopes: tuple[str, ...],
    clock: Clock,
) -> TokenSource:
    """Return the way to the token of a service account that another identity may act for.

    Parameters:
        base: the way to that identity's own token.
        url: the service account's `generateAccessToken`.
        delegates: accounts in between, each acting for the next.

    Raises:
        CredentialError: the address is not https.
    """
    check_address(provider, url)

    def fetch() -> Conversation[Fetched]:
        token, _ = yield from base.fetch()
        request = Request(
            http="POST",
            url=url,
            headers=(("Authorization", f"Bearer {token}"), ("Content-Type", "application/json")),
            body=msgspec.json.encode({"scope": scopes, "delegates": delegates, "lifetime": "3600s"}),
            method_id="token of another account",
            anonymous=True,
            secrets=(token,),
        )
        body = (yield from send(provider, request)).body
        try:
            answer = msgspec.json.decode(body, type=_Impersonated)
        except msgspec.MsgspecError:
            raise CredentialError(f"no token for {provider}: the answer is not understood") from None
        return answer.access_token, answer.expire_time.timestamp() - clock.now()

    return TokenSource(key=f"acting {url} {' '.join(scopes)} by {base.key}", fetch=fetch)


def _read_foreign(provider: str, source: Source) -> Conversation[str]:
    """Return the other system's token. It is renewed under our feet: read each time."""
    if source.file:
        text = read_file(provider, Path(source.file).expanduser())
    else:
        secrets = tuple(value for value in source.headers.values() if value)
        request = Request(
            http="GET",
            url=source.url,
            headers=tuple(source.headers.items()),
            method_id="token of another system",
            anonymous=True,
            secrets=secrets,
        )
        text = (yield from send(provider, request)).body.decode("utf-8", "replace").strip()
    if source.format.type != "json":
        return text
    try:
        return str(msgspec.json.decode(text, type=dict[str, object])[source.format.field])
    except (msgspec.MsgspecError, KeyError):
        raise CredentialError(
            f"no token for {provider}: the other system's token has no field '{source.format.field}'"
        ) from None
