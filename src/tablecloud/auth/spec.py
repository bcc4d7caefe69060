"""Reads `--auth`: a JSON map from provider to what kind of credential it wants and where that lies."""

from __future__ import annotations

import msgspec

from tablecloud.errors import CredentialError

KNOWN_TYPES = (
    "api_key",
    "basic",
    "bearer",
    "bearer_file",
    "custom",
    "interactive",
    "null_auth",
    "service_account",
)
_LATER_TYPES = (
    "aws_assume_role",
    "aws_signing_v4",
    "azure_default",
    "oauth2",
    "oci_signing_v1",
    "sql_data_source::postgres",
)


class AuthSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one provider's calls are authenticated; names of keys as users write them."""

    type: str = "null_auth"
    credentialsenvvar: str = ""
    """Environment variable that holds the secret (for `service_account`: the JSON text of the key)."""
    credentialsfilepathenvvar: str = ""
    """Environment variable that holds the path of a file with the secret."""
    credentialsfilepath: str = ""
    username_var: str = ""
    password_var: str = ""
    api_key_var: str = ""
    api_secret_var: str = ""
    username: str = ""
    password: str = ""
    api_key: str = ""
    api_secret: str = ""
    value_prefix: str | None = msgspec.field(default=None, name="valuePrefix")
    """Put before the secret; None means what the type usually has."""
    location: str = "header"
    """`header` or `query`."""
    name: str = "Authorization"
    """Of the header or query parameter."""
    scopes: tuple[str, ...] = ()
    sub: str = ""
    """Whom a service account acts for."""
    successor: AuthSpec | None = None
    """One more credential for the same request."""
    trouble: str = ""
    """Why a provider's own description cannot be used; only in one of the type `unusable`."""

    def __repr__(self) -> str:
        return f"AuthSpec(type={self.type!r})"


def read_auth(text: str) -> dict[str, AuthSpec]:
    """Return the credentials' descriptions by provider.

    Raises:
        CredentialError: it is no JSON map, or a description is not understood; no message holds a value.
    """
    try:
        entries = msgspec.json.decode(text, type=dict[str, dict[str, object]]) if text.strip() else {}
    except msgspec.MsgspecError:
        raise CredentialError(
            "--auth is not a JSON map from provider to a map",
            hint="""write: --auth '{"google": {"type": "service_account", "credentialsfilepath": "KEY"}}'""",
        ) from None
    return {provider: _read_spec(provider, entry) for provider, entry in entries.items()}


def read_default(provider: str, text: str) -> AuthSpec:
    """Return the description that a provider's own document has; its errors are told when a call wants it.

    Parameters:
        text: JSON object; keys that this version does not know are left out.
    """
    entry = msgspec.json.decode(text, type=dict[str, object])
    known = {field.encode_name for field in msgspec.structs.fields(AuthSpec)}
    try:
        return _read_spec(provider, {key: value for key, value in entry.items() if key in known})
    except CredentialError as error:
        return AuthSpec(type="unusable", trouble=str(error))


def _read_spec(provider: str, entry: dict[str, object]) -> AuthSpec:
    kind = entry.get("type", "null_auth")
    if kind in _LATER_TYPES:
        raise CredentialError(
            f"the auth type {kind} of {provider} is not there yet",
            hint=f"types of this version: {', '.join(KNOWN_TYPES)}",
        )
    if kind not in KNOWN_TYPES:
        raise CredentialError(
            f"{kind if isinstance(kind, str) else 'that'} is no auth type ({provider})",
            hint=f"types: {', '.join(KNOWN_TYPES)}",
        )
    try:
        spec = msgspec.convert(entry, AuthSpec)
    except msgspec.ValidationError as error:
        raise CredentialError(f"the auth of {provider} is not understood: {error}") from None
    if spec.location not in ("header", "query"):
        raise CredentialError(f"the auth of {provider} has a location that is neither header nor query")
    return spec
