"""Fetches tokens for a client of its own (RFC 6749 4.4, client credentials)."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from urllib.parse import quote, quote_plus

from tablecloud.auth.credentials import either, variable
from tablecloud.auth.exchange import ask, check_address, form_request, read_token, token_policy
from tablecloud.auth.spec import AuthSpec, plain
from tablecloud.auth.tokens import Fetched, TokenSource
from tablecloud.errors import CredentialError, RemoteDenied, RemoteRefused
from tablecloud.rest.messages import Conversation, Request
from tablecloud.rest.retry import attempt

_EXPRESSION = re.compile(r"\{\{-?(.*?)-?\}\}", re.S)
_LOOK_UP = re.compile(r"\s*\.(\w+)\s*", re.A)
_ENVIRONMENT = "__env__"
_IN_PARAMETERS, _IN_HEADER = 1, 2
# Addresses are shown and logged; these keys must not become part of one.
_KEPT_SECRET = frozenset({"client_secret", "password", "api_secret", "private_key", "passphrase"})


def client_source(provider: str, spec: AuthSpec, environ: Mapping[str, str]) -> TokenSource:
    """Return the way to a token that a block of the type `oauth2` describes.

    Raises:
        CredentialError: it lacks something, or its token address is not https.
    """
    if spec.grant_type != "client_credentials":
        raise CredentialError(
            f"the grant type {spec.grant_type[:60]} of {provider} is unknown", hint="use client_credentials"
        )
    client = either(provider, spec.client_id_env_var, spec.client_id, environ)
    secret = either(provider, spec.client_secret_env_var, spec.client_secret, environ)
    if not (client and secret and spec.token_url):
        raise CredentialError(
            f"the auth of {provider} lacks one of client_id, client_secret and token_url",
            hint='add "client_id_env_var" and "client_secret_env_var": names of environment variables',
        )
    url = check_address(provider, expand_address(provider, spec, environ))
    form: dict[str, str | tuple[str, ...]] = {"grant_type": spec.grant_type, **spec.values}
    if spec.scopes:
        form["scope"] = " ".join(spec.scopes)
    in_form = form_request(url, {**form, "client_id": client, "client_secret": secret}, (secret,))
    pair = base64.b64encode(f"{quote_plus(client)}:{quote_plus(secret)}".encode()).decode()
    in_header = form_request(url, form, (secret, pair), headers=(("Authorization", f"Basic {pair}"),))
    # The secret is part of the key: a new secret must not live on the old one's token.
    name = f"oauth2 {url} {client} {secret} {sorted(form.items())}"
    return TokenSource(key=name, fetch=lambda: _fetch(provider, spec.auth_style, in_header, in_form))


def expand_address(provider: str, spec: AuthSpec, environ: Mapping[str, str]) -> str:
    """Return the token address with its look-ups replaced by values, percent-encoded.

    A look-up is `{{ .key }}`, a text of the block, or `{{ .__env__NAME }}`, an environment variable.

    Raises:
        CredentialError: a value is missing, or an expression is more than a look-up.
    """
    account = either(provider, spec.account_id_env_var or spec.account_id_var, spec.account_id, environ)
    block = {**plain(spec), "account_id": account}

    def find(match: re.Match[str]) -> str:
        look_up = _LOOK_UP.fullmatch(match.group(1))
        name = look_up.group(1) if look_up else ""
        if name.startswith(_ENVIRONMENT):
            return quote(variable(provider, name.removeprefix(_ENVIRONMENT), environ), safe="")
        value = block.get(name)
        if not isinstance(value, str) or not value or name in _KEPT_SECRET:
            raise CredentialError(
                f"the token_url of {provider} holds {match.group(0)[:80]}, which has no value",
                hint="a name of the same block, {{ .account_id }}, or a variable: {{ .__env__NAME }}",
            )
        return quote(value, safe="")

    return _EXPRESSION.sub(find, spec.token_url)


def _fetch(provider: str, style: int, in_header: Request, in_form: Request) -> Conversation[Fetched]:
    if style == _IN_HEADER:
        return (yield from ask(provider, in_header))
    if style != _IN_PARAMETERS:
        # Services take one or the other and do not say which; RFC 6749 2.3.1 prefers the header.
        try:
            return read_token(provider, (yield from attempt(in_header, token_policy())))
        except (RemoteDenied, RemoteRefused):
            pass
    return (yield from ask(provider, in_form))
