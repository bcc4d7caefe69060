"""Reads `--auth`: a JSON or YAML map from provider to the kind of its credential and where that lies."""

from __future__ import annotations

import msgspec

from tablecloud.errors import CredentialError

KNOWN_TYPES = (
    "api_key",
    "aws_assume_role",
    "aws_signing_v4",
    "azure_default",
    "basic",
    "bearer",
    "bearer_file",
    "custom",
    "interactive",
    "null_auth",
    "oauth2",
    "oci_signing_v1",
    "service_account",
)
_NO_CONNECTIONS = msgspec.Raw()


class AuthSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How one provider's calls are authenticated; names of keys as users write them.

    A key that ends in `_var` or `envvar` names an environment variable that holds the value instead.
    """

    type: str = ""
    """Empty stands for `service_account` where a key is named, else for `null_auth`."""
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
    successor: AuthSpec | None = None
    """One more credential for the same request."""
    scopes: tuple[str, ...] = ()
    sub: str = ""
    """Whom a service account acts for."""

    # oauth2
    grant_type: str = "client_credentials"
    token_url: str = ""
    """May hold `{{ .key }}` of this block and `{{ .__env__VARIABLE }}`."""
    client_id: str = ""
    client_id_env_var: str = ""
    client_secret: str = ""
    client_secret_env_var: str = ""
    values: dict[str, tuple[str, ...]] = {}
    """Further fields of the token request's form."""
    auth_style: int = 0
    """Where the client's secret goes: 1 into the form, 2 into a header, 0 tries the header first."""
    account_id: str = ""
    account_id_var: str = ""
    account_id_env_var: str = ""

    # aws_signing_v4 and aws_assume_role
    key_id: str = msgspec.field(default="", name="keyID")
    key_id_env_var: str = msgspec.field(default="", name="keyIDenvvar")
    profile: str = ""
    """Section of the shared configuration files; of `config_file_path` for `oci_signing_v1`."""
    aws_role_arn: str = ""
    aws_role_arn_env_var: str = ""
    aws_role_session_name: str = "tablecloud-assume-role-session"
    aws_role_external_id: str = ""
    aws_role_external_id_env_var: str = ""
    aws_role_duration_seconds: int = 3600
    aws_sts_region: str = "us-east-1"
    aws_sts_endpoint: str = ""

    # oci_signing_v1
    tenancy_ocid: str = ""
    tenancy_ocid_env_var: str = ""
    user_ocid: str = ""
    user_ocid_env_var: str = ""
    fingerprint: str = ""
    fingerprint_env_var: str = ""
    private_key: str = ""
    private_key_env_var: str = ""
    private_key_path: str = ""
    private_key_path_env_var: str = ""
    passphrase: str = ""
    passphrase_env_var: str = ""
    region: str = ""
    region_env_var: str = ""
    config_file_path: str = ""

    trouble: str = ""
    """Why a provider's own description cannot be used; only in one of the type `unusable`."""
    connections: msgspec.Raw = _NO_CONNECTIONS
    """Name -> block of one of many accounts, as JSON that nobody has read yet."""

    def __repr__(self) -> str:
        return f"AuthSpec(type={self.type!r})"


def read_auth(text: str) -> dict[str, AuthSpec]:
    """Return the credentials' descriptions by provider.

    Raises:
        CredentialError: it is no map, or a description is not understood; no message holds a value.
    """
    entries = _read_map(text) if text.strip() else {}
    return {provider: read_spec(provider, entry) for provider, entry in entries.items()}


def read_spec(provider: str, entry: msgspec.Raw | bytes) -> AuthSpec:
    """Return the description that a JSON object holds.

    Raises:
        CredentialError: it is not understood; the message holds no value.
    """
    try:
        spec = msgspec.json.decode(entry, type=AuthSpec)
    except msgspec.MsgspecError as error:
        raise CredentialError(f"the auth of {provider} is not understood: {error}") from None
    return _checked(provider, spec)


def read_default(provider: str, text: str) -> AuthSpec:
    """Return the description that a provider's own document has; its errors are told when a call wants it.

    Parameters:
        text: JSON object; keys that this version does not know are left out.
    """
    known = {field.encode_name for field in msgspec.structs.fields(AuthSpec)}
    try:
        entry = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        return read_spec(provider, msgspec.json.encode({k: v for k, v in entry.items() if k in known}))
    except msgspec.MsgspecError as error:
        return AuthSpec(type="unusable", trouble=f"its own description is broken: {error}")
    except CredentialError as error:
        return AuthSpec(type="unusable", trouble=error.message)


def connection(provider: str, spec: AuthSpec, name: str) -> AuthSpec:
    """Return the description of one of a provider's connections, laid upon what holds for all of them.

    Raises:
        CredentialError: there is none of that name, or it is not understood.
    """
    known = _names(provider, spec)
    entry = known.get(name)
    if entry is None:
        from difflib import get_close_matches

        near = get_close_matches(name, known, n=3)
        raise CredentialError(
            f"{provider} has no connection '{name}'",
            hint=f"did you mean {' or '.join(near)}?" if near else f"--auth describes {len(known)} of them",
        )
    try:
        merged = {**plain(spec), **msgspec.json.decode(entry, type=dict[str, object])}
        found = msgspec.convert(merged, AuthSpec)
    except msgspec.MsgspecError as error:
        raise CredentialError(f"the connection '{name}' of {provider} is not understood: {error}") from None
    return _checked(f"{provider} ({name})", found)


def plain(spec: AuthSpec) -> dict[str, object]:
    """Return the keys and values of a description as they were written, without its connections."""
    block: dict[str, object] = msgspec.to_builtins(msgspec.structs.replace(spec, connections=_NO_CONNECTIONS))
    return block


def _names(provider: str, spec: AuthSpec) -> dict[str, msgspec.Raw]:
    if spec.connections is _NO_CONNECTIONS:
        return {}
    try:
        return msgspec.json.decode(spec.connections, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError:
        raise CredentialError(f"the connections of {provider} are no map from name to a map") from None


def _read_map(text: str) -> dict[str, msgspec.Raw]:
    """Read JSON; what is none is read as YAML."""
    try:
        return msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError:
        pass
    import ryaml

    try:
        document = ryaml.loads(text)
        return msgspec.json.decode(msgspec.json.encode(document), type=dict[str, msgspec.Raw])
    except (ryaml.InvalidYamlError, msgspec.MsgspecError, TypeError):
        raise CredentialError(
            "--auth is not a JSON or YAML map from provider to a map",
            hint="""write: --auth '{"google": {"type": "service_account", "credentialsfilepath": "KEY"}}'""",
        ) from None


def _checked(provider: str, spec: AuthSpec) -> AuthSpec:
    if spec.type and spec.type not in KNOWN_TYPES:
        raise CredentialError(
            f"{spec.type[:60]} is no auth type ({provider})", hint=f"types: {', '.join(KNOWN_TYPES)}"
        )
    if spec.location not in ("header", "query"):
        raise CredentialError(f"the auth of {provider} has a location that is neither header nor query")
    if spec.successor is not None:
        _checked(provider, spec.successor)
    return spec
