"""AWS keys of a person who signed in through a browser (`aws sso login`, IAM Identity Center)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import msgspec

from tablecloud.auth.aws_sts import temporary_keys
from tablecloud.auth.exchange import send
from tablecloud.auth.tokens import Fetched, TokenSource
from tablecloud.clock import Clock
from tablecloud.errors import CredentialError
from tablecloud.rest.messages import Conversation, Request


class _Login(msgspec.Struct, rename="camel"):
    """What `aws sso login` leaves in its cache."""

    access_token: str
    expires_at: datetime


class _RoleKeys(msgspec.Struct, rename="camel"):
    access_key_id: str
    secret_access_key: str
    session_token: str
    expiration: int
    """Milliseconds since the epoch."""


class _Answer(msgspec.Struct, rename="camel"):
    role_credentials: _RoleKeys


def sso_source(
    provider: str, profile: str, section: Mapping[str, str], cache: Path, clock: Clock
) -> TokenSource:
    """Return the way to the keys of a profile's role by the login that is cached on this machine.

    Parameters:
        section: the profile's settings, its session's among them.
        cache: the folder of the AWS tool's logins.

    Raises:
        CredentialError: the profile lacks a setting.
    """
    wanted = ("sso_start_url", "sso_region", "sso_account_id", "sso_role_name")
    missing = [name for name in wanted if not section.get(name)]
    if missing:
        raise CredentialError(
            f"{provider}: the AWS profile '{profile}' lacks {', '.join(missing)}",
            hint="run: aws configure sso",
        )
    name = section.get("sso_session") or section["sso_start_url"]
    # The tool's own choice of a name; nothing is kept secret by it.
    file = cache / f"{hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()}.json"
    query = urlencode({"role_name": section["sso_role_name"], "account_id": section["sso_account_id"]})
    url = f"https://portal.sso.{section['sso_region']}.amazonaws.com/federation/credentials?{query}"

    def fetch() -> Conversation[Fetched]:
        token = _read_login(provider, profile, file, clock)
        request = Request(
            http="GET",
            url=url,
            headers=(("x-amz-sso_bearer_token", token),),
            method_id="role credentials",
            anonymous=True,
            secrets=(token,),
        )
        return _read_keys(provider, (yield from send(provider, request)).body, clock)

    return TokenSource(key=f"aws sso {name} {url}", fetch=fetch)


def _read_login(provider: str, profile: str, file: Path, clock: Clock) -> str:
    """Return the access token of the login; only a person at a browser can renew it."""
    try:
        login = msgspec.json.decode(file.read_bytes(), type=_Login)
    except (OSError, msgspec.MsgspecError):
        login = None
    if login is None or login.expires_at.timestamp() <= clock.now():
        word = "nobody is signed in" if login is None else "the login has ended"
        raise CredentialError(
            f"no AWS keys for {provider}: {word} (profile '{profile}')",
            hint=f"run: aws sso login --profile {profile}",
        )
    return login.access_token


def _read_keys(provider: str, body: bytes, clock: Clock) -> Fetched:
    try:
        keys = msgspec.json.decode(body, type=_Answer).role_credentials
    except msgspec.MsgspecError:
        return temporary_keys(provider, {}, clock)
    fields = {
        "AccessKeyId": keys.access_key_id,
        "SecretAccessKey": keys.secret_access_key,
        "SessionToken": keys.session_token,
        "Expiration": datetime.fromtimestamp(keys.expiration / 1000, UTC).isoformat(),
    }
    return temporary_keys(provider, fields, clock)
