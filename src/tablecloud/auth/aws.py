"""Finds AWS keys: what `--auth` names, else the environment, shared files, and what the machine is given.

The order is that of AWS's own tools: environment, profile, web identity, container, virtual machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tablecloud.auth.aws_machine import container_source, machine_source, on_aws, process_source
from tablecloud.auth.aws_sts import Keys, Role, role_source, web_identity_source
from tablecloud.auth.credentials import either, read_secret
from tablecloud.auth.profiles import read_sections
from tablecloud.auth.sigv4 import AwsKeys
from tablecloud.auth.spec import AuthSpec
from tablecloud.clock import Clock
from tablecloud.errors import CredentialError

_ID, _SECRET, _SESSION = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"
_SETUP = f"set {_ID} and {_SECRET}, or run: aws configure"

_EXPORT = 'eval "$(aws configure export-credentials --profile {} --format env)"'


def find_keys(provider: str, spec: AuthSpec, environ: Mapping[str, str], clock: Clock) -> Keys:
    """Return the keys of a block of the type `aws_signing_v4` or `aws_assume_role`, or the way to them.

    Raises:
        CredentialError: there are none, or what names them is broken.
    """
    base = _base_keys(provider, spec, environ, clock)
    if spec.type != "aws_assume_role":
        return base
    arn = either(provider, spec.aws_role_arn_env_var, spec.aws_role_arn, environ)
    if not arn:
        raise CredentialError(
            f"the auth of {provider} names no role to assume", hint='add "aws_role_arn": "arn:aws:iam::…"'
        )
    role = Role(
        arn=arn,
        session_name=spec.aws_role_session_name,
        external_id=either(provider, spec.aws_role_external_id_env_var, spec.aws_role_external_id, environ),
        seconds=spec.aws_role_duration_seconds,
        region=spec.aws_sts_region,
        endpoint=spec.aws_sts_endpoint,
    )
    return role_source(provider, base, role, clock)


def profile_keys(
    provider: str, name: str, environ: Mapping[str, str], clock: Clock, seen: tuple[str, ...] = ()
) -> Keys:
    """Return the keys of a profile of the shared files, or the way to them.

    Parameters:
        seen: the profiles whose roles lead here.

    Raises:
        CredentialError: there is no such profile, or it is not complete.
    """
    known = _profiles(provider, environ)
    section = known.get(name)
    if section is None:
        raise CredentialError(
            f"{provider}: there is no AWS profile '{name}'", hint=f"there are: {', '.join(known) or 'none'}"
        )
    if "role_arn" in section and name not in seen:
        return _profile_role(provider, name, section, environ, clock, seen)
    if "aws_access_key_id" in section and "aws_secret_access_key" in section:
        return AwsKeys(
            access_key=section["aws_access_key_id"],
            secret_key=section["aws_secret_access_key"],
            session_token=section.get("aws_session_token", ""),
        )
    if "credential_process" in section:
        return process_source(provider, section["credential_process"], clock)
    if any(key.startswith("sso_") for key in section):
        raise CredentialError(
            f"{provider}: the AWS profile '{name}' signs in through a browser (SSO)",
            hint=f"run: aws sso login; {_EXPORT.format(name)}",
        )
    raise CredentialError(f"{provider}: the AWS profile '{name}' holds no keys", hint=_SETUP)


def _base_keys(provider: str, spec: AuthSpec, environ: Mapping[str, str], clock: Clock) -> Keys:
    if spec.profile:
        return profile_keys(provider, spec.profile, environ, clock)
    if _is_default(spec):
        return _default_keys(provider, environ, clock)
    access = either(provider, spec.key_id_env_var, spec.key_id, environ)
    secret = read_secret(provider, spec, environ)
    if not access or not secret:
        raise CredentialError(
            f"the auth of {provider} lacks {'the secret key' if access else 'the access key id'}",
            hint='write "keyIDenvvar" and "credentialsenvvar": names of environment variables',
        )
    return AwsKeys(access_key=access, secret_key=secret, session_token=_session_token(access, environ))


def _is_default(spec: AuthSpec) -> bool:
    """Return whether a block says no more than AWS's own tools assume, as the registry's does."""
    return (
        spec.key_id_env_var in ("", _ID)
        and spec.credentialsenvvar in ("", _SECRET)
        and not (spec.key_id or spec.credentialsfilepath or spec.credentialsfilepathenvvar)
    )


def _session_token(access: str, environ: Mapping[str, str]) -> str:
    """Return the environment's session token, unless it belongs to another key of the environment's."""
    owner = environ.get(_ID, "").strip()
    return environ.get(_SESSION, "").strip() if owner in ("", access) else ""


def _default_keys(provider: str, environ: Mapping[str, str], clock: Clock) -> Keys:
    keys = _environment_keys(environ)
    if keys is not None:
        return keys
    name = environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE")
    if name or "default" in _profiles(provider, environ):
        return profile_keys(provider, name or "default", environ, clock)
    token_file, arn = environ.get("AWS_WEB_IDENTITY_TOKEN_FILE"), environ.get("AWS_ROLE_ARN")
    if token_file and arn:
        session = environ.get("AWS_ROLE_SESSION_NAME") or "tablecloud"
        role = Role(arn=arn, session_name=session, region=environ.get("AWS_REGION") or "us-east-1")
        return web_identity_source(provider, Path(token_file), role, clock)
    source = container_source(provider, environ, clock)
    if source is None and on_aws(environ):
        source = machine_source(provider, environ, clock)
    if source is None:
        raise CredentialError(f"no AWS credentials for {provider} on this machine", hint=_SETUP)
    return source


def _environment_keys(environ: Mapping[str, str]) -> AwsKeys | None:
    access, secret = environ.get(_ID, "").strip(), environ.get(_SECRET, "").strip()
    if not access or not secret:
        return None
    token = environ.get(_SESSION, "").strip()
    return AwsKeys(access_key=access, secret_key=secret, session_token=token)


def _profiles(provider: str, environ: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the settings by profile; the credentials file wins over the configuration file."""
    home = Path(environ.get("HOME") or "~").expanduser() / ".aws"
    config = Path(environ.get("AWS_CONFIG_FILE") or home / "config").expanduser()
    credentials = Path(environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / "credentials").expanduser()
    found: dict[str, dict[str, str]] = {}
    for name, section in read_sections(provider, config).items():
        if name == "default" or name.startswith("profile "):
            found[name.removeprefix("profile ")] = dict(section)
    for name, section in read_sections(provider, credentials).items():
        found[name] = {**found.get(name, {}), **section}
    return found


def _profile_role(
    provider: str,
    name: str,
    section: Mapping[str, str],
    environ: Mapping[str, str],
    clock: Clock,
    seen: tuple[str, ...],
) -> Keys:
    if "mfa_serial" in section:
        raise CredentialError(
            f"{provider}: the AWS profile '{name}' wants a code from a device",
            hint=f"run: {_EXPORT.format(name)}",
        )
    seconds = section.get("duration_seconds", "3600")
    role = Role(
        arn=section["role_arn"],
        session_name=section.get("role_session_name") or "tablecloud",
        external_id=section.get("external_id", ""),
        seconds=int(seconds) if seconds.isdecimal() else 3600,
        region=section.get("region") or "us-east-1",
    )
    if "web_identity_token_file" in section:
        return web_identity_source(provider, Path(section["web_identity_token_file"]), role, clock)
    if "source_profile" in section:
        base = profile_keys(provider, section["source_profile"], environ, clock, (*seen, name))
    else:
        base = _from_source(provider, name, section.get("credential_source", ""), environ, clock)
    return role_source(provider, base, role, clock)


def _from_source(provider: str, name: str, word: str, environ: Mapping[str, str], clock: Clock) -> Keys:
    """Return the keys that `credential_source` names."""
    found: Keys | None = None
    if word == "Environment":
        found = _environment_keys(environ)
    elif word == "EcsContainer":
        found = container_source(provider, environ, clock)
    elif word == "Ec2InstanceMetadata":
        found = machine_source(provider, environ, clock)
    if found is None:
        raise CredentialError(
            f"{provider}: the AWS profile '{name}' has a role, but nothing to assume it with",
            hint="add source_profile, or a credential_source that is there",
        )
    return found
