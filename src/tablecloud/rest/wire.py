"""libcurl as a set of transfers: start one, cancel one, wait for those that end.

The only module that touches a socket. Everything here runs in the transport's own thread, but for `wake`.
"""

from __future__ import annotations

import os
import selectors
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from tablecloud import __version__
from tablecloud.errors import SettingError
from tablecloud.rest.messages import Request, Response, TransportFailure

Outcome: TypeAlias = Response | TransportFailure

_SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_LOOPBACK = "localhost,127.0.0.1,::1"
# libcurl's error numbers (curl/curl.h); those that come before anything of the request has left.
_UNSENT_KINDS = {
    1: "request",
    3: "request",
    5: "dns",
    6: "dns",
    7: "connect",
    35: "tls",
    60: "tls",
    77: "tls",
    97: "connect",
}
_TIMED_OUT = 28
_MAX_IDLE_HANDLES = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportSettings:
    """How calls are carried: limits, time-outs, trust, proxies."""

    concurrency: int = 200
    """Calls in flight to one host with one credential at most; fewer when the service throttles."""
    connect_seconds: float = 10.0
    total_seconds: float = 45.0
    """For one HTTP call; 0 means no limit."""
    ca_bundle: str = ""
    """File of trusted authorities; empty: SSL_CERT_FILE, else the system's, else certifi's."""
    allow_insecure: bool = False
    """Do not check certificates."""
    proxy: str = ""
    """`http://host:port`; empty: the environment's (`https_proxy` and so on). Loopback is never proxied."""
    proxy_user: str = ""
    proxy_password: str = field(default="", repr=False)
    response_limit: int = 0
    """Bytes of one decoded response at most; 0 means no limit."""
    on_exchange: Callable[[Request, Outcome], None] | None = None
    """Called in the transport's thread after each exchange; the request holds its credentials."""


@dataclass(slots=True)
class _Transfer:
    """One request under way."""

    key: object
    request: Request
    chunks: list[bytes] = field(default_factory=list)
    headers: list[bytes] = field(default_factory=list)
    too_large: bool = False


class Wire:
    """One CurlMulti and what it waits on."""

    def __init__(self, settings: TransportSettings) -> None:
        # pycurl takes 25 ms to import: only who sends pays for it.
        import pycurl

        self._curl: Any = pycurl
        self._settings = settings
        self._bundle = "" if settings.allow_insecure else find_bundle(settings.ca_bundle)
        self._noproxy = _without_proxy(os.environ.get("no_proxy", os.environ.get("NO_PROXY", "")))
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        for end in (self._wake_read, self._wake_write):
            os.set_blocking(end, False)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._due: float | None = None
        self._transfers: dict[Any, _Transfer] = {}
        self._handles: dict[object, Any] = {}
        self._idle: list[Any] = []
        self._multiplexing: set[str] = set()
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_PIPELINING, 2)
        self._multi.setopt(pycurl.M_MAXCONNECTS, _MAX_IDLE_HANDLES)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)

    def wake(self) -> None:
        """End `wait` early; any thread may call it."""
        # Full of wake-ups already, or closed in the meantime: nothing is left to do.
        with suppress(OSError):
            os.write(self._wake_write, b"!")

    def start(self, key: object, request: Request) -> None:
        """Begin a transfer; `key` names it in what `wait` returns.

        Raises:
            TransportFailure: libcurl does not take the request: a URL or a header it cannot spell.
        """
        handle = self._idle.pop() if self._idle else self._curl.Curl()
        transfer = _Transfer(key, request)
        try:
            self._configure(handle, transfer)
        except (self._curl.error, ValueError) as error:
            handle.close()
            what = "it holds a character that HTTP has not" if isinstance(error, ValueError) else str(error)
            raise TransportFailure("request", what, sent=False) from error
        self._transfers[handle] = transfer
        self._handles[key] = handle
        self._multi.add_handle(handle)

    def cancel(self, key: object) -> None:
        """Forget a transfer and close what it used; unknown keys are ignored."""
        handle = self._handles.pop(key, None)
        if handle is not None:
            del self._transfers[handle]
            self._multi.remove_handle(handle)
            handle.close()

    def wait(self, seconds: float | None) -> list[tuple[object, Outcome]]:
        """Wait at most so long (None: until something happens); return the transfers that ended, by key."""
        now = time.monotonic()
        if self._due is not None:
            left = max(0.0, self._due - now)
            seconds = left if seconds is None else min(seconds, left)
        for key, mask in self._selector.select(seconds):
            if key.fd == self._wake_read:
                self._drain()
            else:
                bits = (self._curl.CSELECT_IN if mask & selectors.EVENT_READ else 0) | (
                    self._curl.CSELECT_OUT if mask & selectors.EVENT_WRITE else 0
                )
                self._multi.socket_action(key.fd, bits)
        if self._due is not None and self._due <= time.monotonic():
            self._due = None
            self._multi.socket_action(self._curl.SOCKET_TIMEOUT, 0)
        return self._ended()

    def close(self) -> None:
        """Drop all transfers and close every connection."""
        for key in list(self._handles):
            self.cancel(key)
        for handle in self._idle:
            handle.close()
        self._idle.clear()
        self._multi.close()
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _ended(self) -> list[tuple[object, Outcome]]:
        ended: list[tuple[object, Outcome]] = []
        while True:
            queued, good, bad = self._multi.info_read()
            for handle in good:
                ended.append(self._finish(handle, lambda h, t: _read_response(h, t, self._curl)))
            for handle, code, message in bad:
                ended.append(self._finish(handle, _failure_reader(code, message, self._curl)))
            if not queued:
                return ended

    def _finish(self, handle: Any, read: Callable[[Any, _Transfer], Outcome]) -> tuple[object, Outcome]:
        transfer = self._transfers.pop(handle)
        del self._handles[transfer.key]
        outcome = read(handle, transfer)
        if handle.getinfo(self._curl.INFO_HTTP_VERSION) == self._curl.CURL_HTTP_VERSION_2_0:
            self._multiplexing.add(_origin(transfer.request.url))
        self._multi.remove_handle(handle)
        if len(self._idle) < _MAX_IDLE_HANDLES:
            handle.reset()
            self._idle.append(handle)
        else:
            handle.close()
        return transfer.key, outcome

    def _drain(self) -> None:
        with suppress(BlockingIOError):
            while len(os.read(self._wake_read, 4096)) == 4096:
                pass

    def _on_socket(self, what: int, fd: int, _multi: object, _data: object) -> None:
        """Follow libcurl's wishes about which sockets to watch."""
        if what == self._curl.POLL_REMOVE:
            with suppress(KeyError):
                self._selector.unregister(fd)
            return
        events = (selectors.EVENT_READ if what & self._curl.POLL_IN else 0) | (
            selectors.EVENT_WRITE if what & self._curl.POLL_OUT else 0
        )
        try:
            self._selector.modify(fd, events)
        except KeyError:
            self._selector.register(fd, events)

    def _on_timer(self, milliseconds: int) -> None:
        self._due = None if milliseconds < 0 else time.monotonic() + milliseconds / 1000

    def _configure(self, handle: Any, transfer: _Transfer) -> None:
        """Set every option of one transfer on a handle that is as new."""
        curl, settings, request = self._curl, self._settings, transfer.request
        handle.setopt(curl.NOSIGNAL, 1)
        handle.setopt(curl.PROTOCOLS, curl.PROTO_HTTP | curl.PROTO_HTTPS)
        handle.setopt(curl.URL, request.url)
        handle.setopt(curl.PATH_AS_IS, 1)
        handle.setopt(curl.HTTP_VERSION, curl.CURL_HTTP_VERSION_2TLS)
        handle.setopt(curl.ACCEPT_ENCODING, "")
        handle.setopt(curl.USERAGENT, f"tablecloud/{__version__}")
        handle.setopt(curl.CONNECTTIMEOUT_MS, int(settings.connect_seconds * 1000))
        handle.setopt(curl.TIMEOUT_MS, int(settings.total_seconds * 1000))
        handle.setopt(curl.TCP_KEEPALIVE, 1)
        handle.setopt(curl.HEADERFUNCTION, transfer.headers.append)
        # Each chunk costs a turn of the interpreter's lock, which the decoder of the page before holds.
        handle.setopt(curl.BUFFERSIZE, 512 * 1024)
        handle.setopt(curl.WRITEFUNCTION, self._writer(transfer))
        if request.url.startswith("https:"):
            self._trust(handle)
        if _origin(request.url) in self._multiplexing:
            # Only where it is known: libcurl does not wake those that wait for what turns out HTTP/1.
            handle.setopt(curl.PIPEWAIT, 1)
        self._proxy(handle)
        self._method(handle, request)
        if not request.repeatable:
            # libcurl sends again by itself when a kept connection breaks early. A mutation must not be.
            handle.setopt(curl.FRESH_CONNECT, 1)

    def _trust(self, handle: Any) -> None:
        if self._settings.allow_insecure:
            handle.setopt(self._curl.SSL_VERIFYPEER, 0)
            handle.setopt(self._curl.SSL_VERIFYHOST, 0)
        else:
            handle.setopt(self._curl.CAINFO, self._bundle)

    def _proxy(self, handle: Any) -> None:
        settings = self._settings
        handle.setopt(self._curl.NOPROXY, self._noproxy)
        if settings.proxy:
            handle.setopt(self._curl.PROXY, settings.proxy)
        if settings.proxy_user:
            handle.setopt(self._curl.PROXYUSERNAME, settings.proxy_user)
            handle.setopt(self._curl.PROXYPASSWORD, settings.proxy_password)

    def _method(self, handle: Any, request: Request) -> None:
        curl = self._curl
        # No "Expect: 100-continue": it costs a round trip, and servers without it a second.
        headers = [f"{name}: {value}" if value else f"{name};" for name, value in request.headers] + [
            "Expect:"
        ]
        if request.http == "HEAD":
            handle.setopt(curl.NOBODY, 1)
        elif request.body is not None or request.http in ("POST", "PUT", "PATCH"):
            handle.setopt(curl.POSTFIELDS, request.body or b"")
            if not any(name.lower() == "content-type" for name, _ in request.headers):
                headers.append("Content-Type:")
            handle.setopt(curl.CUSTOMREQUEST, request.http)
        elif request.http != "GET":
            handle.setopt(curl.CUSTOMREQUEST, request.http)
        handle.setopt(curl.HTTPHEADER, headers)

    def _writer(self, transfer: _Transfer) -> Callable[[bytes], int | None]:
        limit = self._settings.response_limit
        if not limit:
            return transfer.chunks.append
        size = 0

        def write(chunk: bytes) -> int | None:
            nonlocal size
            size += len(chunk)
            if size > limit:
                transfer.too_large = True
                return -1
            transfer.chunks.append(chunk)
            return None

        return write


def find_bundle(named: str) -> str:
    """Return the file of trusted authorities: the one named, SSL_CERT_FILE, the system's, or certifi's.

    Raises:
        SettingError: the file named does not exist.
    """
    for source, path in (("tls.CABundle", named), ("SSL_CERT_FILE", os.environ.get("SSL_CERT_FILE", ""))):
        if path:
            if not Path(path).is_file():
                raise SettingError(f"{source} names {path}, which is not a file")
            return path
    for path in _SYSTEM_BUNDLES:
        if Path(path).is_file():
            return path
    import certifi

    return certifi.where()


def classify(code: int, message: str, *, request_left: bool, seconds: float = 0.0) -> TransportFailure:
    """Return libcurl's error number and text as a failure.

    Parameters:
        request_left: whether libcurl got as far as to send the request.
    """
    kind = _UNSENT_KINDS.get(code, "reset")
    if code == _TIMED_OUT:
        kind = "timeout" if request_left else "connect"
    return TransportFailure(kind, message or f"libcurl error {code}", sent=request_left, seconds=seconds)


def read_header_lines(lines: list[bytes]) -> dict[str, str]:
    """Return the headers of the last response among the lines (interim answers come before it)."""
    headers: dict[str, str] = {}
    for line in lines:
        text = line.decode("latin-1").rstrip("\r\n")
        if text.startswith("HTTP/"):
            headers.clear()
            continue
        name, colon, value = text.partition(":")
        if colon:
            key, value = name.strip().lower(), value.strip()
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


def _origin(url: str) -> str:
    """Return scheme, host and port of a URL, as text to compare."""
    return url[:end] if (end := url.find("/", 8)) > 0 else url


def _read_response(handle: Any, transfer: _Transfer, curl: Any) -> Response:
    chunks = transfer.chunks
    return Response(
        status=handle.getinfo(curl.RESPONSE_CODE),
        headers=read_header_lines(transfer.headers),
        body=chunks[0] if len(chunks) == 1 else b"".join(chunks),
        seconds=handle.getinfo(curl.TOTAL_TIME),
        secrets=transfer.request.secrets,
        renew=transfer.request.renew,
    )


def _failure_reader(code: int, message: str, curl: Any) -> Callable[[Any, _Transfer], TransportFailure]:
    def read(handle: Any, transfer: _Transfer) -> TransportFailure:
        seconds = handle.getinfo(curl.TOTAL_TIME)
        if transfer.too_large:
            return TransportFailure("size", "the answer is larger than the limit", sent=True, seconds=seconds)
        # The bytes of requests that went out. A finished handshake counts too, to be on the safe side:
        # libcurl may count the bytes of an HTTP/2 stream late.
        shaken = handle.getinfo(curl.APPCONNECT_TIME) > 0 and code not in _UNSENT_KINDS
        left = handle.getinfo(curl.REQUEST_SIZE) > 0 or shaken
        return classify(code, message, request_left=left, seconds=seconds)

    return read


def _without_proxy(environment: str) -> str:
    """Return the hosts that no proxy is used for: the environment's and loopback."""
    if environment.strip() == "*":
        return "*"
    return f"{environment},{_LOOPBACK}" if environment.strip() else _LOOPBACK
