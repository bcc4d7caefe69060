"""What protocols say to the transport: send, pause, emit; and what they get back.

A protocol is a generator (`Conversation`): it yields `Send` and receives a `Response` or is thrown a
`TransportFailure`; it yields `Pause` to wait without holding a thread; it yields `Emit` to hand a page to the
consumer, who may be slow. Tests drive it by hand with `next` and `send`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """What a signature over a request covers besides the request (AWS Signature Version 4)."""

    service: str
    """As signatures name it: `ec2`, `s3`."""
    region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request, complete but for credentials."""

    http: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    method_id: str = ""
    """Which method of the catalog it carries out, for messages and logs."""
    provider: str = ""
    """Whose credentials it wants."""
    connection: str = ""
    """Which of the provider's named connections it uses; empty stands for the provider's own."""
    signing: Signing | None = None
    attempt: int = 1
    """Which try this is; more than 1 counts as a retry."""
    anonymous: bool = False
    """Whether it must go without credentials: token requests, and redirects to another origin."""
    repeatable: bool = True
    """Whether it may be sent again after it may have reached the server. False for every mutation."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Texts to mask wherever the request is shown."""
    renew: Callable[[], bool] | None = field(default=None, repr=False, compare=False)
    """Forgets the token the request carries; False where asking for another would not help."""

    def __repr__(self) -> str:
        # Signed headers and the forms of token requests hold secrets.
        return f"Request({self.shown})"

    @property
    def shown(self) -> str:
        """The request line as users see it, secrets masked."""
        return masked(f"{self.http} {self.url}", self.secrets)

    @property
    def full_method(self) -> str:
        """The method with its provider, as messages name it: `google.ml.projects.jobs.list`."""
        if not self.provider or self.method_id.startswith(f"{self.provider}."):
            return self.method_id or self.shown
        return f"{self.provider}.{self.method_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One HTTP response; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    seconds: float = 0.0
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What the request carried and the answer may echo; masked wherever the answer is shown."""
    renew: Callable[[], bool] | None = field(default=None, repr=False, compare=False)
    """As the request had it."""


class TransportFailure(Exception):
    """No response came: `kind` is `dns`, `connect`, `tls`, `timeout`, `reset`, `size` or `request`.

    `sent` is False only when the request certainly did not reach the server; `seconds` is the time it took.
    Users never see it: `response.read_failure` makes an error of it.
    """

    def __init__(self, kind: str, message: str, *, sent: bool, seconds: float = 0.0) -> None:
        super().__init__(message)
        self.kind = kind
        self.sent = sent
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Send:
    """Please send this and give me the response."""

    request: Request


@dataclass(frozen=True, slots=True)
class Pause:
    """Please wake me after so many seconds; `why` is shown as progress."""

    seconds: float
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One successful response of a read, on its way to the decoder."""

    body: bytes
    arguments: Mapping[str, str | None]
    """The parameters of the call, by SQL name: they become columns of the rows."""
    number: int = 1


@dataclass(frozen=True, slots=True)
class Emit:
    """Please hand this page to the consumer; resume me when there is room for more."""

    page: Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What an operation says of itself while it is waited for."""

    method_id: str
    target: str
    word: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Tell:
    """Please show this progress, if anybody looks."""

    progress: Progress


Effect: TypeAlias = Send | Pause | Emit | Tell
T = TypeVar("T")
Conversation: TypeAlias = Generator[Effect, Response | None, T]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A token must be fetched first. The transport runs one exchange a key; other calls wait for it."""

    key: str
    begin: Callable[[], Conversation[None]]
    """Makes the conversation; when it has ended well, authorizing the request again succeeds."""


Authorize: TypeAlias = Callable[[Request], Request | Exchange]
"""Adds credentials to a request. Called in the transport's thread: it must not block."""


def masked(text: str, secrets: tuple[str, ...]) -> str:
    """Return the text with every secret replaced by `***`, the longest first."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text
