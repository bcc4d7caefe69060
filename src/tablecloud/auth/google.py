"""Google's ways to a token: service account key, gcloud login, metadata server of Google's machines."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

import msgspec

from tablecloud.auth.credentials import read_file
from tablecloud.auth.exchange import ask, check_address, form_request, run_program
from tablecloud.auth.tokens import Fetched, TokenSource
from tablecloud.clock import Clock
from tablecloud.errors import CredentialError
from tablecloud.rest.messages import Conversation, Request

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
_TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
_METADATA = "metadata.google.internal"
_GCLOUD_TOKEN_LIFE = 1800.0


class Key(msgspec.Struct, kw_only=True):
    """A credentials file of Google: a service account's key or a user's refresh token."""

    type: str = ""
    client_email: str = ""
    private_key: str = ""
    private_key_id: str = ""
    token_uri: str = _TOKEN_URL
    client_id: str = ""
    client_secret: str = ""
    refresh_token: str = ""

    def __repr__(self) -> str:
        return f"Key(type={self.type!r})"


def key_source(provider: str, text: str, *, scopes: tuple[str, ...], sub: str, clock: Clock) -> TokenSource:
    """Return the way to a token that a credentials file describes.

    Raises:
        CredentialError: it is not such a file, or of a type that is not there yet.
    """
    try:
        key = msgspec.json.decode(text, type=Key)
    except msgspec.MsgspecError:
        raise CredentialError(
            f"the credentials of {provider} are not the JSON of a Google key file"
        ) from None
    check_address(provider, key.token_uri)
    wanted = " ".join(scopes or (CLOUD_PLATFORM,))
    if key.type == "service_account" and key.client_email and key.private_key:
        return TokenSource(
            key=f"service_account {key.client_email} {key.private_key_id} {key.token_uri} {sub} {wanted}",
            fetch=lambda: _exchange_key(provider, key, wanted, sub, clock),
        )
    if key.type == "authorized_user" and key.refresh_token:
        return TokenSource(
            key=f"authorized_user {key.client_id} {key.refresh_token} {key.token_uri}",
            fetch=lambda: _exchange_refresh_token(provider, key),
        )
    raise CredentialError(
        f"the credentials of {provider} are of the type '{key.type[:40]}', or incomplete",
        hint="use a service account key or `gcloud auth application-default login`",
    )


def find_default(provider: str, environ: Mapping[str, str], clock: Clock) -> TokenSource | None:
    """Return what Google's tools would use; None where there is nothing.

    In this order: GOOGLE_CREDENTIALS (JSON text), GOOGLE_APPLICATION_CREDENTIALS (a path), the file of
    `gcloud auth application-default login`, the metadata server.

    Raises:
        CredentialError: one of them is there and cannot be used.
    """
    text = environ.get("GOOGLE_CREDENTIALS", "").strip()
    named = environ.get("GOOGLE_APPLICATION_CREDENTIALS", "").strip()
    login = _login_file(environ)
    if not text and named:
        text = read_file(provider, Path(named).expanduser())
    if not text and login.is_file():
        text = read_file(provider, login)
    if text:
        return key_source(provider, text, scopes=(), sub="", clock=clock)
    return metadata_source(provider, environ) if _on_google(environ) else None


def metadata_source(provider: str, environ: Mapping[str, str]) -> TokenSource:
    """Return the way to the token of the machine's own service account."""
    host = environ.get("GCE_METADATA_HOST", _METADATA)
    url = f"http://{host}/computeMetadata/v1/instance/service-accounts/default/token"
    request = Request(
        http="GET",
        url=url,
        headers=(("Metadata-Flavor", "Google"),),
        method_id="metadata token",
        anonymous=True,
    )
    return TokenSource(key=f"metadata {host}", fetch=lambda: ask(provider, request))


def gcloud_source(provider: str) -> TokenSource:
    """Return the way to the token of the user who is logged in with the gcloud command line.

    Raises:
        CredentialError: there is no gcloud.
    """
    import shutil

    program = shutil.which("gcloud")
    if program is None:
        raise CredentialError(
            f"the auth of {provider} is interactive, but the gcloud command line is not installed",
            hint="install it and run: gcloud auth login; or use a service account key",
        )
    return TokenSource(key="gcloud", fetch=lambda: _run_gcloud(provider, program))


def _login_file(environ: Mapping[str, str]) -> Path:
    folder = environ.get("CLOUDSDK_CONFIG") or f"{environ.get('HOME', '~')}/.config/gcloud"
    return Path(folder).expanduser() / "application_default_credentials.json"


def _on_google(environ: Mapping[str, str]) -> bool:
    """Return whether this is a machine of Google's; asking the network would cost seconds everywhere else."""
    if environ.get("GCE_METADATA_HOST") or environ.get("K_SERVICE"):
        return True
    try:
        return Path("/sys/class/dmi/id/product_name").read_text().startswith("Google")
    except OSError:
        return False


def _exchange_key(provider: str, key: Key, scopes: str, sub: str, clock: Clock) -> Conversation[Fetched]:
    """Trade a signed statement for a token (RFC 7523)."""
    assertion = sign_assertion(provider, key, scopes, sub, int(clock.now()))
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
    return (yield from ask(provider, form_request(key.token_uri, form, (assertion,))))


def _exchange_refresh_token(provider: str, key: Key) -> Conversation[Fetched]:
    form = {
        "grant_type": "refresh_token",
        "client_id": key.client_id,
        "client_secret": key.client_secret,
        "refresh_token": key.refresh_token,
    }
    return (
        yield from ask(provider, form_request(key.token_uri, form, (key.client_secret, key.refresh_token)))
    )


def sign_assertion(provider: str, key: Key, scopes: str, sub: str, now: int) -> str:
    """Return the signed JSON web token that stands for a service account (RFC 7519, RS256).

    Raises:
        CredentialError: the private key is broken, or the cryptography package is missing.
    """
    # 18 ms to import: only who has a service account and no token pays for it.
    try:
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import padding, rsa
    except ImportError:
        raise CredentialError(
            f"the service account of {provider} needs the package cryptography",
            hint="pip install cryptography",
        ) from None
    try:
        private = serialization.load_pem_private_key(key.private_key.encode(), password=None)
    except (ValueError, TypeError):
        private = None
    if not isinstance(private, rsa.RSAPrivateKey):
        raise CredentialError(f"the private key in the service account file of {provider} is broken")
    claims = {"iss": key.client_email, "scope": scopes, "aud": key.token_uri, "iat": now, "exp": now + 3600}
    if sub:
        claims["sub"] = sub
    parts = ({"alg": "RS256", "typ": "JWT", "kid": key.private_key_id}, claims)
    signed = ".".join(_base64url(msgspec.json.encode(part)) for part in parts)
    signature = private.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{_base64url(signature)}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _run_gcloud(provider: str, program: str) -> Conversation[Fetched]:
    command = [program, "auth", "print-access-token"]
    token = yield from run_program(provider, command, hint="run: gcloud auth login")
    return token, _GCLOUD_TOKEN_LIFE
