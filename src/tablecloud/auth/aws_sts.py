"""Trades AWS keys, or a token of somebody else, for a role's temporary keys (STS)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import msgspec

from tablecloud.auth.credentials import read_file
from tablecloud.auth.exchange import check_address, form_request, send
from tablecloud.auth.sigv4 import AwsKeys, sign_v4
from tablecloud.auth.tokens import Fetched, TokenSource
from tablecloud.clock import Clock
from tablecloud.errors import CredentialError
from tablecloud.rest.messages import Conversation, Response, Signing

Keys: TypeAlias = AwsKeys | TokenSource
"""Keys, or a way to temporary ones: its token is their JSON (`keys_of`)."""

_VERSION = "2011-06-15"


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role to assume, and where and for how long."""

    arn: str
    session_name: str
    external_id: str = field(default="", repr=False)
    seconds: int = 3600
    region: str = "us-east-1"
    endpoint: str = ""
    """Where STS is; empty means the region's own."""


def keys_of(token: str) -> AwsKeys:
    """Return the keys that a token of a `Keys` source holds."""
    return msgspec.json.decode(token, type=AwsKeys)


def role_source(provider: str, base: Keys, role: Role, clock: Clock) -> TokenSource:
    """Return the way to the role's keys by `AssumeRole`, signed with the base keys.

    Raises:
        CredentialError: the endpoint's address is not https.
    """
    url = _endpoint(provider, role)
    form = {"Action": "AssumeRole", **_common(role)}
    if role.external_id:
        form["ExternalId"] = role.external_id

    def fetch() -> Conversation[Fetched]:
        keys = base if isinstance(base, AwsKeys) else keys_of((yield from base.fetch())[0])
        request = form_request(url, form, (role.external_id,))
        signed = sign_v4(request, keys, Signing(service="sts", region=role.region), clock.now())
        return read_sts(provider, (yield from send(provider, signed)), clock)

    whose = base.access_key if isinstance(base, AwsKeys) else base.key
    return TokenSource(key=f"aws role {url} {sorted(form.items())} as {whose}", fetch=fetch)


def web_identity_source(provider: str, path: Path, role: Role, clock: Clock) -> TokenSource:
    """Return the way to the role's keys by a token that Kubernetes or a pipeline put into a file."""
    url = _endpoint(provider, role)

    def fetch() -> Conversation[Fetched]:
        token = read_file(provider, path.expanduser())  # Renewed under our feet: read each time.
        form = {"Action": "AssumeRoleWithWebIdentity", "WebIdentityToken": token, **_common(role)}
        return read_sts(provider, (yield from send(provider, form_request(url, form, (token,)))), clock)

    return TokenSource(key=f"aws web identity {url} {role.arn} {role.session_name} {path}", fetch=fetch)


def read_sts(provider: str, response: Response, clock: Clock) -> Fetched:
    """Return the keys of an STS answer (XML) as a token.

    Raises:
        CredentialError: there are none in it.
    """
    from xml.etree import ElementTree

    try:
        # The parser's expat refuses entities that blow up; the answer is of a service we trust with keys.
        tree = ElementTree.fromstring(response.body)  # noqa: S314
    except ElementTree.ParseError:
        return temporary_keys(provider, {}, clock)
    found = tree.find(".//{*}Credentials")
    entries = found if found is not None else ()
    return temporary_keys(provider, {e.tag.rpartition("}")[2]: e.text or "" for e in entries}, clock)


def temporary_keys(provider: str, fields: Mapping[str, object], clock: Clock) -> Fetched:
    """Return temporary keys as a token: `AccessKeyId`, `SecretAccessKey`, `SessionToken`, `Expiration`.

    Raises:
        CredentialError: one of them is missing.
    """
    session = fields.get("SessionToken") or fields.get("Token") or ""
    values = (fields.get("AccessKeyId"), fields.get("SecretAccessKey"), session)
    expires = fields.get("Expiration")
    access, secret, token = (value if isinstance(value, str) else "" for value in values)
    if not access or not secret:
        raise CredentialError(f"no AWS keys for {provider}: the answer is not understood")
    keys = AwsKeys(access_key=access, secret_key=secret, session_token=token)
    return msgspec.json.encode(keys).decode(), _lifetime(expires, clock)


def _lifetime(expires: object, clock: Clock) -> float:
    """Return the seconds until a moment (RFC 3339); an hour where none is said."""
    from datetime import UTC, datetime

    try:
        moment = datetime.fromisoformat(expires if isinstance(expires, str) else "")
    except ValueError:
        return 3600.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - clock.now()


def _common(role: Role) -> dict[str, str]:
    return {
        "Version": _VERSION,
        "RoleArn": role.arn,
        "RoleSessionName": role.session_name,
        "DurationSeconds": str(role.seconds),
    }


def _endpoint(provider: str, role: Role) -> str:
    china = ".cn" if role.region.startswith("cn-") else ""
    url = role.endpoint or f"https://sts.{role.region}.amazonaws.com{china}/"
    return check_address(provider, url if url.count("/") > 2 else f"{url}/")
