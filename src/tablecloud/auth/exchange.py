"""Fetches access tokens: by a form to a token service, or from a command line tool of the provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode, urlsplit

import msgspec

from tablecloud.auth.tokens import Fetched
from tablecloud.errors import CredentialError, RemoteError
from tablecloud.rest.messages import Conversation, Pause, Request, Response
from tablecloud.rest.retry import RetryPolicy, attempt

_PROGRAM_SECONDS = 30.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class _Answer(msgspec.Struct):
    """What a token endpoint answers (RFC 6749 5.1; Azure's machines write the number as text)."""

    access_token: str
    expires_in: float | str = 3600.0


def token_policy() -> RetryPolicy:
    """Return how patient token requests are: their callers wait."""
    return RetryPolicy(tries=3, budget=30.0)


def form_request(
    url: str,
    form: Mapping[str, str | Sequence[str]],
    secrets: tuple[str, ...],
    *,
    headers: tuple[tuple[str, str], ...] = (),
) -> Request:
    """Return the POST of a form to a token service.

    Parameters:
        secrets: values to mask wherever the request is shown; empty ones are left out.
    """
    return Request(
        http="POST",
        url=url,
        headers=(
            ("Accept", "application/json"),
            ("Content-Type", "application/x-www-form-urlencoded"),
            *headers,
        ),
        body=urlencode(form, doseq=True).encode(),
        method_id="token exchange",
        anonymous=True,
        secrets=tuple(secret for secret in secrets if secret),
    )


def ask(provider: str, request: Request) -> Conversation[Fetched]:
    """Send a token request and return the token and the seconds it is good for.

    Raises:
        CredentialError: it was refused, or the answer holds no token.
    """
    return read_token(provider, (yield from send(provider, request)))


def send(provider: str, request: Request) -> Conversation[Response]:
    """Send a request on the way to a token and return the answer.

    Raises:
        CredentialError: it was refused, or no answer came.
    """
    try:
        return (yield from attempt(request, token_policy()))
    except RemoteError as error:
        raise CredentialError(
            f"no token for {provider}: {error.message}", hint="check the credentials"
        ) from error


def read_token(provider: str, response: Response) -> Fetched:
    """Return the token of a token service's answer and the seconds it is good for.

    Raises:
        CredentialError: the answer holds no token.
    """
    try:
        answer = msgspec.json.decode(response.body, type=_Answer)
        return answer.access_token, float(answer.expires_in)
    except (msgspec.MsgspecError, ValueError):
        raise CredentialError(
            f"no token for {provider}: the token service's answer is not understood"
        ) from None


def check_address(provider: str, url: str) -> str:
    """Return the address of a token service.

    Raises:
        CredentialError: secrets would go there in the clear.
    """
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return url
    raise CredentialError(f"the credentials of {provider} name a token address that is not https")


def run_program(provider: str, command: Sequence[str], *, hint: str) -> Conversation[str]:
    """Run a command line tool and return what it prints.

    It takes a second: the thread goes on with other calls meanwhile.

    Raises:
        CredentialError: it is missing, fails, or does not end in half a minute.
    """
    import subprocess

    name = command[0].rpartition("/")[2]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    except OSError as error:
        raise CredentialError(f"no token for {provider}: cannot run {name}: {error.strerror}") from None
    try:
        waited = 0.0
        while process.poll() is None and waited < _PROGRAM_SECONDS:
            yield Pause(0.05, f"waiting for {name}")
            waited += 0.05
        if process.poll() is None:
            raise CredentialError(f"no token for {provider}: {name} did not answer in {_PROGRAM_SECONDS:g} s")
        printed, complaint = process.communicate()
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    if process.returncode != 0 or not printed.strip():
        line = next((text for text in complaint.splitlines() if text.strip()), "no reason given")
        raise CredentialError(f"no token for {provider}: {name} failed: {line[:300]}", hint=hint)
    return printed.strip()
