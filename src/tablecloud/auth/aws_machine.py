"""AWS keys that a machine is given: a container's, a virtual machine's, and those a program prints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

import msgspec

from tablecloud.auth.aws_sts import temporary_keys
from tablecloud.auth.credentials import read_file
from tablecloud.auth.exchange import run_program, send
from tablecloud.auth.tokens import Fetched, TokenSource
from tablecloud.clock import Clock
from tablecloud.errors import CredentialError
from tablecloud.rest.messages import Conversation, Request

_CONTAINER = "http://169.254.170.2"
_MACHINE = "http://169.254.169.254"
# What may be asked without encryption: this machine, and the agents of ECS and EKS beside the container.
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1", "169.254.170.2", "169.254.170.23", "fd00:ec2::23"})
_ROLES = "/latest/meta-data/iam/security-credentials/"
_SESSION_SECONDS = "21600"


def container_source(provider: str, environ: Mapping[str, str], clock: Clock) -> TokenSource | None:
    """Return the way to a container's keys (ECS, EKS); None outside of one.

    Raises:
        CredentialError: the address it is told is neither https nor local.
    """
    relative = environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "")
    url = _CONTAINER + relative if relative else environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI", "")
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in _LOCAL:
        raise CredentialError(f"AWS_CONTAINER_CREDENTIALS_FULL_URI for {provider} is neither https nor local")
    path = environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "")

    def fetch() -> Conversation[Fetched]:
        token = (
            read_file(provider, Path(path)) if path else environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
        )
        headers = (("Authorization", token),) if token else ()
        return (yield from _read_keys(provider, _request(url, *headers, secrets=(token,)), clock))

    return TokenSource(key=f"aws container {url}", fetch=fetch)


def machine_source(provider: str, environ: Mapping[str, str], clock: Clock) -> TokenSource:
    """Return the way to the keys of a virtual machine's role (IMDSv2)."""
    root = (environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or _MACHINE).rstrip("/")

    def fetch() -> Conversation[Fetched]:
        begin = _request(
            f"{root}/latest/api/token",
            ("X-aws-ec2-metadata-token-ttl-seconds", _SESSION_SECONDS),
            http="PUT",
        )
        session = (yield from send(provider, begin)).body.decode("ascii", "replace").strip()
        header = ("X-aws-ec2-metadata-token", session)
        listed = yield from send(provider, _request(root + _ROLES, header, secrets=(session,)))
        name = listed.body.decode("utf-8", "replace").strip().partition("\n")[0]
        if not name:
            raise CredentialError(f"no AWS keys for {provider}: this machine has no role")
        request = _request(f"{root}{_ROLES}{quote(name)}", header, secrets=(session,))
        return (yield from _read_keys(provider, request, clock))

    return TokenSource(key=f"aws machine {root}", fetch=fetch)


def process_source(provider: str, command: str, clock: Clock) -> TokenSource:
    """Return the way to the keys that a profile's `credential_process` prints."""

    def fetch() -> Conversation[Fetched]:
        import shlex

        try:
            words = shlex.split(command)
        except ValueError:
            words = []
        if not words:
            raise CredentialError(f"the credential_process of {provider} is not a command")
        hint = "run the profile's credential_process by hand to see why"
        printed = yield from run_program(provider, words, hint=hint)
        return _decode(provider, printed.encode(), clock)

    return TokenSource(key=f"aws process {command}", fetch=fetch)


def on_aws(environ: Mapping[str, str]) -> bool:
    """Return whether this is a machine of AWS's; asking the network would cost seconds everywhere else."""
    if environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return False
    if environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT"):
        return True
    try:
        return Path("/sys/class/dmi/id/sys_vendor").read_text().startswith("Amazon EC2")
    except OSError:
        return False


def _request(
    url: str, *headers: tuple[str, str], http: str = "GET", secrets: tuple[str, ...] = ()
) -> Request:
    return Request(
        http=http,
        url=url,
        headers=headers,
        method_id="machine credentials",
        anonymous=True,
        secrets=tuple(secret for secret in secrets if secret),
    )


def _read_keys(provider: str, request: Request, clock: Clock) -> Conversation[Fetched]:
    return _decode(provider, (yield from send(provider, request)).body, clock)


def _decode(provider: str, text: bytes, clock: Clock) -> Fetched:
    try:
        fields = msgspec.json.decode(text, type=dict[str, object])
    except msgspec.MsgspecError:
        fields = {}
    return temporary_keys(provider, fields, clock)
