"""Azure's ways to a token: client secret, federated token file, the machine's identity, the az tool.

The order is that of Azure's own libraries ("DefaultAzureCredential"): the first that is set up is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlencode

import msgspec

from tablecloud.auth.credentials import read_file
from tablecloud.auth.exchange import ask, check_address, form_request, run_program
from tablecloud.auth.tokens import Fetched, TokenSource
from tablecloud.clock import Clock
from tablecloud.errors import CredentialError
from tablecloud.rest.messages import Conversation, Request

MANAGEMENT = "https://management.core.windows.net//.default"
_AUTHORITY = "https://login.microsoftonline.com"
_MACHINE = "http://169.254.169.254/metadata/identity/oauth2/token"
# Every virtual machine of Azure carries this chassis asset tag.
_ASSET_TAG = "7783-7084-3265-9085-8269-3286-77"
_AZ_TOKEN_LIFE = 1800.0


class _AzAnswer(msgspec.Struct, rename="camel"):
    """What `az account get-access-token` prints."""

    access_token: str
    expires_on: float | None = msgspec.field(default=None, name="expires_on")


def find_azure(
    provider: str, scopes: tuple[str, ...], environ: Mapping[str, str], clock: Clock
) -> TokenSource:
    """Return the first way to a token that is set up on this machine.

    Parameters:
        scopes: none means the management API's.

    Raises:
        CredentialError: there is none, or one is set up by half.
    """
    scope = " ".join(scopes or (MANAGEMENT,))
    tenant, client = environ.get("AZURE_TENANT_ID", ""), environ.get("AZURE_CLIENT_ID", "")
    if tenant and client and environ.get("AZURE_CLIENT_SECRET"):
        return _secret_source(provider, scope, environ)
    if tenant and client and environ.get("AZURE_FEDERATED_TOKEN_FILE"):
        return _workload_source(provider, scope, environ)
    if environ.get("IDENTITY_ENDPOINT") and environ.get("IDENTITY_HEADER"):
        return _app_service_source(provider, scope, environ)
    if _on_azure(environ):
        return _machine_source(provider, scope, environ)
    return _az_source(provider, scope, clock)


def _secret_source(provider: str, scope: str, environ: Mapping[str, str]) -> TokenSource:
    client, secret = environ["AZURE_CLIENT_ID"], environ["AZURE_CLIENT_SECRET"]
    url = _token_url(provider, environ)
    form = {
        "grant_type": "client_credentials",
        "client_id": client,
        "client_secret": secret,
        "scope": scope,
    }
    request = form_request(url, form, (secret,))
    key = f"azure secret {url} {client} {secret} {scope}"
    return TokenSource(key=key, fetch=lambda: ask(provider, request))


def _workload_source(provider: str, scope: str, environ: Mapping[str, str]) -> TokenSource:
    """Trade the token that Kubernetes or a pipeline put into a file (RFC 7523 2.2)."""
    client, path = environ["AZURE_CLIENT_ID"], Path(environ["AZURE_FEDERATED_TOKEN_FILE"])
    url = _token_url(provider, environ)

    def fetch() -> Conversation[Fetched]:
        assertion = read_file(provider, path)  # Renewed under our feet: read each time.
        form = {
            "grant_type": "client_credentials",
            "client_id": client,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
            "scope": scope,
        }
        return (yield from ask(provider, form_request(url, form, (assertion,))))

    return TokenSource(key=f"azure workload {url} {client} {path} {scope}", fetch=fetch)


def _app_service_source(provider: str, scope: str, environ: Mapping[str, str]) -> TokenSource:
    endpoint, secret = environ["IDENTITY_ENDPOINT"], environ["IDENTITY_HEADER"]
    query = {"api-version": "2019-08-01", **_identity(scope, environ)}
    request = Request(
        http="GET",
        url=f"{endpoint}?{urlencode(query)}",
        headers=(("X-IDENTITY-HEADER", secret),),
        method_id="managed identity token",
        anonymous=True,
        secrets=(secret,),
    )
    return TokenSource(key=f"azure app {request.url}", fetch=lambda: ask(provider, request))


def _machine_source(provider: str, scope: str, environ: Mapping[str, str]) -> TokenSource:
    query = {"api-version": "2018-02-01", **_identity(scope, environ)}
    host = environ.get("AZURE_POD_IDENTITY_AUTHORITY_HOST", "").rstrip("/")
    url = f"{host}/metadata/identity/oauth2/token" if host else _MACHINE
    request = Request(
        http="GET",
        url=f"{url}?{urlencode(query)}",
        headers=(("Metadata", "true"),),
        method_id="managed identity token",
        anonymous=True,
    )
    return TokenSource(key=f"azure machine {request.url}", fetch=lambda: ask(provider, request))


def _az_source(provider: str, scope: str, clock: Clock) -> TokenSource:
    import shutil

    program = shutil.which("az")
    if program is None:
        raise CredentialError(
            f"no credential for {provider}: no AZURE_CLIENT_SECRET, no AZURE_FEDERATED_TOKEN_FILE, "
            "no managed identity, and no az command line tool",
            hint="set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or run: az login",
        )
    command = [program, "account", "get-access-token", "--output", "json", "--resource", _resource(scope)]

    def fetch() -> Conversation[Fetched]:
        printed = yield from run_program(provider, command, hint="run: az login")
        try:
            answer = msgspec.json.decode(printed, type=_AzAnswer)
        except msgspec.MsgspecError:
            raise CredentialError(f"no token for {provider}: what az printed is not understood") from None
        # Old versions of az give only a local time without its zone.
        life = answer.expires_on - clock.now() if answer.expires_on else _AZ_TOKEN_LIFE
        return answer.access_token, life

    return TokenSource(key=f"az {scope}", fetch=fetch)


def _token_url(provider: str, environ: Mapping[str, str]) -> str:
    authority = environ.get("AZURE_AUTHORITY_HOST") or _AUTHORITY
    if "://" not in authority:
        authority = f"https://{authority}"
    tenant = quote(environ["AZURE_TENANT_ID"], safe="")
    return check_address(provider, f"{authority.rstrip('/')}/{tenant}/oauth2/v2.0/token")


def _identity(scope: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the query fields that say what the token is for, and which identity of several is meant."""
    client = environ.get("AZURE_CLIENT_ID", "")
    return {"resource": _resource(scope), **({"client_id": client} if client else {})}


def _resource(scope: str) -> str:
    """Return the older name of a scope: the address without its last part, its final slash kept."""
    return scope.removesuffix("/.default")


def _on_azure(environ: Mapping[str, str]) -> bool:
    """Return whether this is a machine of Azure's; asking the network would cost seconds everywhere else."""
    if environ.get("AZURE_POD_IDENTITY_AUTHORITY_HOST"):
        return True
    try:
        return Path("/sys/class/dmi/id/chassis_asset_tag").read_text().strip() == _ASSET_TAG
    except OSError:
        return False
