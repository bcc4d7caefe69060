"""Signs requests by AWS Signature Version 4. Knows nothing of where the keys come from.

The contract is AWS's "Create a signed AWS API request": canonical request, string to sign, signing key.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from time import gmtime, strftime
from urllib.parse import quote, unquote_to_bytes

from tablecloud.rest.messages import Request, Signing

_ALGORITHM = "AWS4-HMAC-SHA256"
_EMPTY_HASH = sha256(b"").hexdigest()
# They encode paths once where every other service does so twice, take paths as they are, and want the body's
# hash in a header.
_OBJECT_STORES = frozenset({"s3", "s3express", "s3-object-lambda", "s3-outposts"})
# Proxies and HTTP libraries change these on the way.
_UNSIGNED = frozenset(
    {"accept-encoding", "authorization", "connection", "expect", "te", "transfer-encoding", "user-agent"}
    | {"x-amzn-trace-id"}
)
_REPLACED = frozenset({"authorization", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"})
_PLAIN_PATH = re.compile(r"(?:/[\w.~-]*[\w~-])*/?", re.A)
_PLAIN = r"(?:[\w.~-]|%[0-9A-F]{2})"
_PLAIN_QUERY = re.compile(f"{_PLAIN}+={_PLAIN}*(?:&{_PLAIN}+={_PLAIN}*)*", re.A)
_URL = re.compile(r"(https?)://(?:[^/?#@]*@)?([^/?#]*)([^?#]*)(?:\?([^#]*))?", re.I)
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsKeys:
    """An access key, permanent or (with a session token) for a while."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)


def sign_v4(request: Request, keys: AwsKeys, signing: Signing, now: float) -> Request:
    """Return the request with date, session token and signature among its headers.

    Parameters:
        now: seconds since the epoch.
    """
    stamp = _stamp(int(now))
    body_hash = sha256(request.body).hexdigest() if request.body else _EMPTY_HASH
    headers = [pair for pair in request.headers if pair[0].lower() not in _REPLACED]
    headers.append(("X-Amz-Date", stamp))
    if keys.session_token:
        headers.append(("X-Amz-Security-Token", keys.session_token))
    if signing.service in _OBJECT_STORES:
        headers.append(("X-Amz-Content-Sha256", body_hash))
    canonical, names = canonical_request(request, tuple(headers), signing.service, body_hash)
    date = stamp[:8]
    scope = f"{date}/{signing.region}/{signing.service}/aws4_request"
    text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
    key = _signing_key(keys.secret_key, date, signing.region, signing.service)
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    credential = f"{keys.access_key}/{scope}"
    value = f"{_ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
    headers.append(("Authorization", value))
    secrets = (keys.secret_key, keys.session_token) if keys.session_token else (keys.secret_key,)
    return replace(request, headers=tuple(headers), secrets=request.secrets + secrets)


def canonical_request(
    request: Request, headers: tuple[tuple[str, str], ...], service: str, body_hash: str
) -> tuple[str, str]:
    """Return the canonical request, and the names of the headers it covers joined by `;`.

    Parameters:
        headers: those of the request that are sent; `Host` is added from the URL.
        body_hash: SHA-256 of the body, in hexadecimal.
    """
    match = _URL.match(request.url)
    scheme, host, path, query = match.groups("") if match else ("", "", "", "")
    lines = _canonical_headers(headers, host.removesuffix(_DEFAULT_PORTS.get(scheme.lower(), "")))
    names = ";".join(lines)
    covered = "".join(f"{name}:{value}\n" for name, value in lines.items())
    where = _canonical_path(path, once=service in _OBJECT_STORES)
    return f"{request.http}\n{where}\n{_canonical_query(query)}\n{covered}\n{names}\n{body_hash}", names


def _canonical_headers(headers: tuple[tuple[str, str], ...], host: str) -> dict[str, str]:
    """Return the values to sign by lower-case name, in order of the names; repeated ones joined by commas."""
    lines: dict[str, str] = {"host": host}
    for name, value in headers:
        key = name.lower()
        if key in _UNSIGNED or key == "host":
            continue
        text = " ".join(value.split())
        lines[key] = f"{lines[key]},{text}" if key in lines else text
    return dict(sorted(lines.items()))


def _canonical_path(path: str, *, once: bool) -> str:
    if path in ("", "/"):
        return "/"
    if once:
        return quote(unquote_to_bytes(path), safe="/~")
    if _PLAIN_PATH.fullmatch(path):
        return path
    # The path of the URL is encoded already: this is the second time.
    return quote(_normalized(path), safe="/~")


def _normalized(path: str) -> str:
    """Return the path without dot segments and doubled slashes (RFC 3986 5.2.4)."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    slash = "/" if kept and path.endswith(("/", "/.", "/..")) else ""
    return f"/{'/'.join(kept)}{slash}"


def _canonical_query(query: str) -> str:
    if not query:
        return ""
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    if not _PLAIN_QUERY.fullmatch(query):
        pairs = [(_encoded(key), "=", _encoded(value)) for key, _, value in pairs]
    # By key, then by value: sorting the joined texts would put `a-b=` before `a=`.
    return "&".join(map("".join, sorted(pairs)))


def _encoded(text: str) -> str:
    return quote(unquote_to_bytes(text), safe="~")


@lru_cache(maxsize=4)
def _stamp(second: int) -> str:
    return strftime("%Y%m%dT%H%M%SZ", gmtime(second))


@lru_cache(maxsize=256)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """Return the key of a day, a region and a service: four hashes that thousands of calls share."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
