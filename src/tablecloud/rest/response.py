"""Reads failures: what the other side said, as a typed error with a message and a hint."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

import msgspec

from tablecloud.errors import (
    RemoteDenied,
    RemoteError,
    RemoteNotFound,
    RemoteRefused,
    RemoteThrottled,
    RemoteUnavailable,
    error_from_status,
)
from tablecloud.rest.messages import Request, Response, TransportFailure, masked

_CLIP = 300
_XML_CODE = re.compile(rb"<Code>([^<]{1,100})</Code>", re.I)
_XML_MESSAGE = re.compile(rb"<Message>([^<]{1,2000})</Message>", re.I)
_HTML_DROPPED = re.compile(r"<(script|style|head)\b.*?</\1\s*>", re.I | re.S)
_TAG = re.compile(r"<[^>]{0,1000}>")
# Quota answers in another dress: Google's 403 reasons, then AWS's 400 codes.
_THROTTLE_CODES = frozenset(
    {
        "rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED",
        "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestLimitExceeded",
        "TooManyRequestsException", "SlowDown",
    }
)  # fmt: skip
_HINTS: tuple[tuple[type[RemoteError], str], ...] = (
    (RemoteNotFound, "check the names in the WHERE clause or the INSERT: nothing is there under them"),
    (RemoteThrottled, "lower --execution.concurrency.limit, or ask the service for more quota"),
    (RemoteUnavailable, "the service has trouble; try again later"),
)


class _Said(msgspec.Struct):
    """What an error body says."""

    code: str = ""
    message: str = ""
    reasons: tuple[str, ...] = ()


def read_error(response: Response, request: Request) -> RemoteError:
    """Return the error that stands for a response of status 300 or more, whatever its body is."""
    said = _read_body(response.body)
    kind = RemoteThrottled if _is_throttle(response.status, said) else error_from_status(response.status)
    code = said.code or next(iter(said.reasons), "")
    words = f"{response.status} {code}".rstrip()
    detail = f": {said.message}" if said.message else ""
    if response.status < 400:
        detail = f", a redirect to {_clip(response.headers.get('location', 'nowhere'))} that is not followed"
    secrets = request.secrets + response.secrets
    return kind(
        masked(f"{request.full_method} answered {words}{detail}", secrets),
        hint=_hint(kind, response.status, request),
        method=request.full_method,
        status=response.status,
        code=masked(code, secrets),
        call=masked(request.shown, secrets),
        retry_after=retry_after(response.headers),
    )


def read_failure(failure: TransportFailure, request: Request) -> RemoteError:
    """Return the error that stands for a call without an answer."""
    hints = {
        "dns": "check the spelling of the host and the network",
        "connect": "check that the service is up and the network or proxy lets you through",
        "tls": "check the certificates: --tls.CABundle or SSL_CERT_FILE names the authorities to trust",
        "timeout": "raise --apirequesttimeout, or ask for less at a time",
        "reset": "the connection broke; try again",
        "size": "raise the limit of a response's size, or ask for smaller pages",
    }
    hint = hints.get(failure.kind, "")
    if failure.sent and not request.repeatable:
        hint = "it may have been carried out; look before you repeat it"
    return RemoteUnavailable(
        masked(f"{request.full_method} got no answer: {failure}", request.secrets),
        hint=hint,
        method=request.full_method,
        call=request.shown,
        sent=failure.sent,
    )


def is_throttled(response: Response) -> bool:
    """Return whether the answer means: slower. 429, or one of the quota answers that come as 400 or 403."""
    if response.status not in (400, 403, 429):
        return False
    return response.status == 429 or _is_throttle(response.status, _read_body(response.body))


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return the seconds that `Retry-After` asks for (RFC 9110 10.2.3: seconds or a date); None without it.

    Parameters:
        now: seconds since the epoch; None means this machine's clock.
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text, re.A):
        return float(text)
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0.0, moment - (time.time() if now is None else now))


def _is_throttle(status: int, said: _Said) -> bool:
    if status == 429:
        return True
    return status in (400, 403) and not _THROTTLE_CODES.isdisjoint((said.code, *said.reasons))


def _hint(kind: type[RemoteError], status: int, request: Request) -> str:
    if status == 409:
        return "it exists already, or somebody else changed it meanwhile: read it, then decide"
    if kind is RemoteRefused:
        return f"the call itself is wrong; DESCRIBE METHOD {request.full_method} shows what it takes"
    if kind is RemoteDenied:
        name = request.provider or "provider"
        return (
            f'give credentials that may do this: --auth \'{{"{name}": {{"type": …}}}}\', '
            "or the environment variables of the provider"
        )
    return next((hint for error, hint in _HINTS if error is kind), "")


def _read_body(body: bytes) -> _Said:
    """Read the shapes that are in use: Google, AWS (JSON and XML), OAuth, Azure, GitHub; else the text."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        return _read_text(body)
    if isinstance(document, list) and document:
        document = document[0]
    if not isinstance(document, dict):
        return _Said(message=_clip(document if isinstance(document, str) else ""))
    inner = document.get("error", document.get("Error"))
    if isinstance(inner, dict):
        return _read_object(inner)
    said = _read_object(document)
    if isinstance(inner, str):
        said.code = said.code or inner
        said.message = said.message or _clip(str(document.get("error_description", "")))
    return said


def _read_object(document: dict[str, object]) -> _Said:
    keys = {key.lower(): value for key, value in document.items()}
    listed = keys.get("errors") or keys.get("details") or ()
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    message = keys.get("message") or next((e["message"] for e in entries if e.get("message")), "")
    code = next(
        (c for c in (keys.get("status"), keys.get("code"), keys.get("__type")) if isinstance(c, str)), ""
    )
    return _Said(
        code=_clip(code.rpartition("#")[2], 100),
        message=_clip(message if isinstance(message, str) else ""),
        reasons=tuple(r for e in entries if isinstance(r := e.get("reason"), str)),
    )


def _read_text(body: bytes) -> _Said:
    code, message = _XML_CODE.search(body), _XML_MESSAGE.search(body)
    if code or message:
        return _Said(
            code=code.group(1).decode("utf-8", "replace") if code else "",
            message=_clip(message.group(1).decode("utf-8", "replace")) if message else "",
        )
    text = body[:20_000].decode("utf-8", "replace")
    return _Said(message=_clip(_TAG.sub(" ", _HTML_DROPPED.sub(" ", text))))


def _clip(text: str, limit: int = _CLIP) -> str:
    """Return the text on one line, at most `limit` characters, without control characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: limit * 20]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
