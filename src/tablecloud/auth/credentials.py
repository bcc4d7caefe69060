"""Finds secrets and says where they go in a request. A secret is never part of a repr or a message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tablecloud.auth.spec import AuthSpec
from tablecloud.errors import CredentialError
from tablecloud.rest.messages import Request
from tablecloud.rest.template import quote_query


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One value in one place of every request."""

    value: str = field(repr=False)
    location: str = "header"
    name: str = "Authorization"
    secret: str = field(default="", repr=False)
    """The part of the value to mask; empty means all of it."""


def read_secret(provider: str, spec: AuthSpec, environ: Mapping[str, str]) -> str | None:
    """Return the secret text a description points at, or None where it points at nothing.

    The first that is named wins: credentialsenvvar, credentialsfilepathenvvar, credentialsfilepath.

    Raises:
        CredentialError: what it names is not there; the message has the name, never a value.
    """
    if spec.credentialsenvvar:
        return variable(provider, spec.credentialsenvvar, environ)
    path = spec.credentialsfilepath
    if spec.credentialsfilepathenvvar:
        path = variable(provider, spec.credentialsfilepathenvvar, environ)
    return read_file(provider, Path(path).expanduser()) if path else None


def read_file(provider: str, path: Path) -> str:
    """Return the text of a credentials file without white space around it.

    Raises:
        CredentialError: it cannot be read, or is empty.
    """
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise CredentialError(f"cannot read the credentials file of {provider}, {path}: {reason}") from None
    if not text:
        raise CredentialError(f"the credentials file of {provider}, {path}, is empty")
    return text


def resolve(provider: str, spec: AuthSpec, environ: Mapping[str, str]) -> Credential:
    """Return what a description without token exchange adds to each request.

    Raises:
        CredentialError: the secret is missing or cannot stand in a header.
    """
    secret, prefix = _value(provider, spec, environ)
    prefix = prefix if spec.value_prefix is None else spec.value_prefix
    if not (prefix + secret).isprintable():
        raise CredentialError(f"the credential of {provider} holds a line break or another control character")
    return Credential(value=prefix + secret, location=spec.location, name=spec.name, secret=secret)


def sign(request: Request, credential: Credential) -> Request:
    """Return the request with the credential in its place, and its value among the request's secrets."""
    secrets = (*request.secrets, credential.secret or credential.value)
    if credential.location == "query":
        encoded = quote_query(credential.value)
        mark = "&" if "?" in request.url else "?"
        url = f"{request.url}{mark}{quote_query(credential.name)}={encoded}"
        return replace(request, url=url, secrets=(*secrets, encoded))
    headers = [pair for pair in request.headers if pair[0].lower() != credential.name.lower()]
    return replace(request, headers=(*headers, (credential.name, credential.value)), secrets=secrets)


def bearer(token: str) -> Credential:
    """Return an access token in its usual place."""
    return Credential(value=f"Bearer {token}", secret=token)


def variable(provider: str, name: str, environ: Mapping[str, str]) -> str:
    """Return the value of an environment variable.

    Raises:
        CredentialError: it is not set.
    """
    value = environ.get(name, "").strip()
    if not value:
        raise CredentialError(
            f"the environment variable {name}, which holds the credential of {provider}, is not set",
            hint=f"export {name}=…",
        )
    return value


def either(provider: str, name: str, value: str, environ: Mapping[str, str]) -> str:
    """Return the value of a variable where one is named, else the value written down; perhaps empty.

    Raises:
        CredentialError: the variable is not set.
    """
    return variable(provider, name, environ) if name else value


def _value(provider: str, spec: AuthSpec, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the secret and the prefix that its type usually has."""
    secret = read_secret(provider, spec, environ)
    if spec.type == "api_key":
        return secret or _pair(provider, spec, environ)[0], "api_key "
    if spec.type == "basic":
        return secret or _encoded(":".join(_pair(provider, spec, environ))), "Basic "
    if spec.type == "custom":
        return secret or _pair(provider, spec, environ)[0], ""
    return secret or _encoded(":".join(_pair(provider, spec, environ))), "Bearer "


def _pair(provider: str, spec: AuthSpec, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return user and password, or key and secret: from the variables named, else the pair itself."""
    for first, second in ((spec.username_var, spec.password_var), (spec.api_key_var, spec.api_secret_var)):
        if first:
            return variable(provider, first, environ), variable(provider, second, environ) if second else ""
    for user, password in ((spec.username, spec.password), (spec.api_key, spec.api_secret)):
        if user or password:
            return user, password
    raise CredentialError(
        f"the auth of {provider} (type {spec.type}) names no credential",
        hint='add "credentialsenvvar": "NAME_OF_A_VARIABLE" or "credentialsfilepath": "a/file"',
    )


def _encoded(text: str) -> str:
    from base64 import b64encode

    return b64encode(text.encode()).decode()
