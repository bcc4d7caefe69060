"""Decides whether a call is sent again, and when; follows redirects that are safe to follow.

`decide` is pure; `attempt` is the conversation around it that every call goes through.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import urljoin, urlsplit

from tablecloud.rest.messages import Conversation, Pause, Request, Response, Send, TransportFailure
from tablecloud.rest.response import is_throttled, read_error, read_failure, retry_after

# How many times a failure without an answer is worth trying; a certificate does not mend itself.
_FAILURE_TRIES = {"dns": 2, "connect": 3, "timeout": 2, "reset": 5}
_STATUS_TRIES = {408: 5, 500: 2, 502: 5, 503: 5, 504: 5}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_HOPS = 5
_RETRY_COST = 5.0


def random_fraction() -> float:
    """Return a random number from 0 up to 1 (the random module costs start-up time)."""
    return int.from_bytes(os.urandom(4), "big") / 2**32


class RetryQuota:
    """A token bucket a host: retries take, successes give, so that a broken service is spared."""

    def __init__(self, capacity: float = 500.0) -> None:
        self._capacity = capacity
        self._tokens: dict[str, float] = {}

    def take(self, host: str) -> bool:
        """Take what a retry costs; False when the bucket has not enough."""
        left = self._tokens.get(host, self._capacity) - _RETRY_COST
        if left < 0:
            return False
        self._tokens[host] = left
        return True

    def give(self, host: str) -> None:
        """Give back one token for a success."""
        if host in self._tokens:
            self._tokens[host] = min(self._capacity, self._tokens[host] + 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How patient calls are. Shared by all calls of a runtime, so that the quota is."""

    tries: int = 5
    throttled_tries: int = 12
    """More, for a throttled call costs the service little and the limiter slows the rest."""
    first_delay: float = 0.25
    """Seconds; doubles with each try, then full jitter."""
    longest_delay: float = 10.0
    budget: float = 90.0
    """Seconds that one request may take with all its tries and waits before it is given up."""
    random: Callable[[], float] = random_fraction
    quota: RetryQuota = field(default_factory=RetryQuota)


def attempt(request: Request, policy: RetryPolicy) -> Conversation[Response]:
    """Send a request, again where that is safe and may help, and return the successful response.

    Raises:
        RemoteError: the last answer, or the lack of one, when tries, budget or quota are used up.
    """
    original, hops, tries, spent, renewed = request, 0, 1, 0.0, False
    while True:
        outcome = yield from _send(replace(request, attempt=tries) if tries > 1 else request)
        spent += outcome.seconds
        if isinstance(outcome, Response):
            if outcome.status < 300:
                policy.quota.give(_host(request))
                return outcome
            # A token may be revoked before its time. The next try asks for a new one, at most once.
            if outcome.status == 401 and not renewed and outcome.renew is not None:
                renewed = True
                if outcome.renew() and request.repeatable:
                    tries += 1
                    continue
            hop = next_hop(request, outcome) if hops < _MAX_HOPS else None
            if hop is not None:
                request, hops = hop, hops + 1
                continue
        delay = decide(request, outcome, tries=tries, spent=spent, policy=policy)
        if delay is None:
            raise _as_error(outcome, original)
        yield Pause(delay, f"try {tries + 1} of {original.full_method}")
        spent += delay
        tries += 1


def decide(
    request: Request, outcome: Response | TransportFailure, *, tries: int, spent: float, policy: RetryPolicy
) -> float | None:
    """Return the seconds to wait before sending again; None when it must not be sent again.

    A mutation is sent again only when it certainly was not carried out: it never left, or it was throttled.

    Parameters:
        tries: how many times it was sent.
        spent: seconds used so far, waits included.
    """
    throttled = isinstance(outcome, Response) and is_throttled(outcome)
    allowed = policy.throttled_tries if throttled else min(policy.tries, _worth(outcome))
    safe = request.repeatable or throttled or (isinstance(outcome, TransportFailure) and not outcome.sent)
    if not safe or tries >= allowed:
        return None
    asked = retry_after(outcome.headers) if isinstance(outcome, Response) else None
    ceiling = min(policy.longest_delay, policy.first_delay * 2 ** (tries - 1))
    # Jitter is added to what the service asked for, so that all callers do not come back in the same instant.
    delay: float = policy.random() * ceiling + (asked or 0.0)
    if spent + delay > policy.budget:
        return None
    # Throttled calls are slowed by the limiter; the quota is for services that are broken.
    if not throttled and not policy.quota.take(_host(request)):
        return None
    return delay


def next_hop(request: Request, response: Response) -> Request | None:
    """Return the request that follows a redirect; None where it must not be followed.

    Only GETs are, only to https or the same scheme; another origin gets neither credentials nor our headers.
    """
    target = response.headers.get("location", "")
    if response.status not in _REDIRECTS or request.http not in ("GET", "HEAD") or not target:
        return None
    url = urljoin(request.url, target)
    try:
        old, new = urlsplit(request.url), urlsplit(url)
        same = (old.scheme, old.hostname, old.port) == (new.scheme, new.hostname, new.port)
    except ValueError:
        return None
    if new.scheme not in ("https", old.scheme) or not new.hostname or "@" in new.netloc:
        return None
    if same:
        return replace(request, url=url)
    kept = tuple((name, value) for name, value in request.headers if name.lower() == "accept")
    return replace(request, url=url, headers=kept, anonymous=True)


def _send(request: Request) -> Conversation[Response | TransportFailure]:
    try:
        response = yield Send(request)
    except TransportFailure as failure:
        return failure
    assert response is not None
    return response


def _worth(outcome: Response | TransportFailure) -> int:
    """Return how many tries the outcome is worth at most, for a request that may be repeated."""
    if isinstance(outcome, TransportFailure):
        return _FAILURE_TRIES.get(outcome.kind, 1)
    return _STATUS_TRIES.get(outcome.status, 1)


def _as_error(outcome: Response | TransportFailure, request: Request) -> Exception:
    if isinstance(outcome, TransportFailure):
        return read_failure(outcome, request)
    return read_error(outcome, request)


def _host(request: Request) -> str:
    return urlsplit(request.url).netloc
