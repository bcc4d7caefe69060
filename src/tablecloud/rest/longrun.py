"""Waits for what a method began: polls by the document's rules until one of them says that it is over."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import msgspec

from tablecloud.catalog.model import Acceptor, LongRunning, Method
from tablecloud.clock import Clock
from tablecloud.errors import OperationFailed, RemoteError, RemoteNotFound, RemoteRefused, RemoteUnavailable
from tablecloud.rest.body import Scalar
from tablecloud.rest.messages import Conversation, Pause, Progress, Request, Response, Tell
from tablecloud.rest.request import scalar_text
from tablecloud.rest.retry import RetryPolicy, attempt
from tablecloud.rest.template import expand

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0
_PAUSE_GROWTH = 1.5
# A thing just made may not be found at once, and a service may restart while we wait.
_LOST_POLLS = 6

_VERSION = re.compile(r"^v\d\w*/")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wait:
    """What stays the same while one operation is waited for."""

    rules: LongRunning
    request: Request
    """Asks how it is."""

    @property
    def method(self) -> str:
        return self.request.full_method

    @property
    def target(self) -> str:
        """The operation or thing, as messages name it: without the API's version."""
        return _VERSION.sub("", urlsplit(self.request.url).path.lstrip("/"))


def await_outcome(
    method: Method,
    arguments: Mapping[str, Scalar],
    response: Response,
    *,
    root_url: str,
    provider: str,
    policy: RetryPolicy,
    clock: Clock,
    deadline: float | None = None,
) -> Conversation[Response]:
    """Poll until the operation that `response` began is over; return the response that holds its result.

    A method without rules is over at once. Progress is told each time the operation is looked at.

    Parameters:
        response: the successful answer to the method's own call.
        deadline: seconds to wait at most; None waits as long as it takes.

    Raises:
        OperationFailed: it ended with a failure, vanished, or did not end in time.
        RemoteError: it cannot be polled.
    """
    rules = method.long_running
    if rules is None:
        return response
    state = _decode(response)
    wait = _Wait(rules=rules, request=_poll_request(rules, method, arguments, state, root_url, provider))
    started, pause, lost, seen = clock.monotonic(), _FIRST_PAUSE, 0, False
    while (verdict := _verdict(rules, state)) is None:
        waited = clock.monotonic() - started
        yield Tell(_progress(wait, state, waited))
        if deadline is not None and waited + pause > deadline:
            raise _late(wait, state, deadline)
        yield Pause(pause, f"waiting for {wait.target}")
        pause = min(_LONGEST_PAUSE, pause * _PAUSE_GROWTH)
        try:
            response, state = yield from _poll(wait, policy)
        except (RemoteNotFound, RemoteUnavailable) as error:
            lost += 1
            if lost >= _LOST_POLLS:
                raise (
                    _vanished(wait, error) if seen and isinstance(error, RemoteNotFound) else error
                ) from None
        else:
            lost, seen = 0, True
    yield Tell(_progress(wait, state, clock.monotonic() - started))
    if not verdict:
        raise _failed(wait, state)
    return (yield from _result(wait, response, state, root_url, policy))


def _poll(wait: _Wait, policy: RetryPolicy) -> Conversation[tuple[Response, object]]:
    response = yield from attempt(wait.request, policy)
    state = _decode(response)
    if state is None:
        raise RemoteUnavailable(
            f"{wait.method} cannot be waited for: what {wait.target} answers is not JSON",
            hint="is there a proxy or a login page in between?",
            method=wait.method,
            status=response.status,
            call=wait.request.shown,
        )
    return response, state


def _poll_request(
    rules: LongRunning,
    method: Method,
    arguments: Mapping[str, Scalar],
    state: object,
    root_url: str,
    provider: str,
) -> Request:
    by_wire = {p.wire: arguments.get(p.name) for p in method.parameters}

    def find(name: str) -> str | None:
        said = _find_text(state, name)
        return scalar_text(arguments.get(name, by_wire.get(name))) if said is None else said

    return Request(
        http="GET",
        url=_poll_url(rules.poll, find, root_url),
        headers=(("Accept", "application/json"),),
        method_id=method.id,
        provider=provider,
    )


def _poll_url(template: str, find: Callable[[str], str | None], root_url: str) -> str:
    """Expand a URL template below the service's root, or to a URL of the response that may be trusted."""
    if template.startswith("{+") and template.count("{") == 1:
        named = find(template[2 : template.index("}")]) or ""
        if named.startswith(("https://", "http://")):
            rest = template[template.index("}") + 1 :]
            return _trusted(named + rest, root_url)
    return f"{root_url.rstrip('/')}/{expand(template, find).lstrip('/')}"


def _trusted(url: str, root_url: str) -> str:
    """Return the URL if credentials may go there: the service's origin, or https below its domain."""
    new, root = urlsplit(url), urlsplit(root_url)
    if (new.scheme, new.netloc) == (root.scheme, root.netloc):
        return url
    domain = ".".join((root.hostname or "").rsplit(".", 2)[-2:])
    host = new.hostname or ""
    if (
        new.scheme == "https"
        and "@" not in new.netloc
        and host.endswith(f".{domain}")
        and not _is_number(host)
    ):
        return url
    raise RemoteRefused(
        f"the answer says to ask on at {new.scheme}://{new.netloc}, which is not part of {root.netloc}",
        hint="credentials are not sent there; poll it with a SELECT instead of AWAIT",
    )


def _is_number(host: str) -> bool:
    return host.replace(".", "").isdigit()


def _verdict(rules: LongRunning, state: object) -> bool | None:
    """Return whether it ended well, or None while it goes on; the first rule that matches decides."""
    return next((rule.success for rule in rules.acceptors if _matches(rule, state)), None)


def _matches(rule: Acceptor, state: object) -> bool:
    value = _at(state, rule.path)
    if value is None:
        return False
    return not rule.values or _text(value) in rule.values


def _at(value: object, path: tuple[str, ...]) -> object:
    """Return what lies at a path of decoded JSON (numbers index arrays); None where nothing does."""
    for key in path:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


def _text(value: object) -> str:
    """Return a JSON value as rules and messages spell it: text bare, anything else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _decode(response: Response) -> object:
    """Decode an answer; None (which no rule matches) where it is no JSON: a proxy may have answered."""
    try:
        return msgspec.json.decode(response.body) if response.body.strip() else {}
    except msgspec.MsgspecError:
        return None


def _progress(wait: _Wait, state: object, waited: float) -> Progress:
    word = _at(state, wait.rules.progress) if wait.rules.progress else None
    return Progress(
        method_id=wait.method, target=wait.target, word="" if word is None else _text(word), seconds=waited
    )


def _result(
    wait: _Wait, response: Response, state: object, root_url: str, policy: RetryPolicy
) -> Conversation[Response]:
    """Return the response whose body is the final resource: as it is, a part of it, or one more GET."""
    rules = wait.rules
    if rules.follow:
        url = _poll_url(rules.follow, lambda name: _find_text(state, name), root_url)
        try:
            return (yield from attempt(replace(wait.request, url=url), policy))
        except RemoteNotFound:
            # What a deletion worked on is gone: the operation itself is all there is to show.
            return response
    part = _at(state, rules.result) if rules.result else None
    return response if part is None else replace(response, body=msgspec.json.encode(part))


def _find_text(state: object, name: str) -> str | None:
    value = _at(state, tuple(name.split(".")))
    return None if value is None else _text(value)


def _failed(wait: _Wait, state: object) -> OperationFailed:
    said = _at(state, wait.rules.message) if wait.rules.message else None
    word = _at(state, wait.rules.progress) if wait.rules.progress else None
    ended = f"ended as {_text(word)}" if isinstance(word, str) and word else "failed"
    detail = f": {_text(said)}" if said else ""
    return OperationFailed(
        f"{wait.target} {ended}{detail}",
        method=wait.method,
        code=word if isinstance(word, str) else "",
        call=wait.request.shown,
    )


def _late(wait: _Wait, state: object, deadline: float) -> OperationFailed:
    word = _at(state, wait.rules.progress) if wait.rules.progress else None
    still = f"is still {_text(word)}" if word is not None else "has not ended"
    return OperationFailed(
        f"{wait.target} {still} after {deadline:g} s of waiting",
        hint="it goes on by itself; look again with a SELECT",
        method=wait.method,
        call=wait.request.shown,
    )


def _vanished(wait: _Wait, error: RemoteError) -> OperationFailed:
    return OperationFailed(
        f"{wait.target} is gone: it was there before, and now {error.message}",
        hint="somebody deleted it while it was waited for",
        method=wait.method,
        status=error.status,
        call=wait.request.shown,
    )
