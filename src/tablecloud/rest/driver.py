"""Drives conversations in the transport's thread: sends, waits, hands over pages, shares hosts fairly.

The thread runs `Driver.run`; every other thread only posts actions to it.
"""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tablecloud.errors import Cancelled
from tablecloud.rest.limits import Limiter
from tablecloud.rest.messages import (
    Authorize,
    Effect,
    Emit,
    Exchange,
    Pause,
    Request,
    Response,
    Send,
    Tell,
)
from tablecloud.rest.response import is_throttled, retry_after
from tablecloud.rest.wire import Outcome, TransportSettings, Wire

if TYPE_CHECKING:
    from tablecloud.rest.transport import Call


# Calls that go to an https host before it has answered: enough to be quick, few enough to learn whether one
# connection carries all of them, instead of shaking hands 200 times.
_SCOUTS = 8


@dataclass(slots=True)
class _Lane:
    """The calls to one host with one credential: their limit, and those that wait for their turn."""

    limiter: Limiter
    known: bool
    """Whether the host has answered, or need not be known."""
    waiting: deque[tuple[Call[Any], Request]] = field(default_factory=deque)
    alarm: bool = False


@dataclass(slots=True)
class _Flight:
    """A request on the wire."""

    call: Call[Any]
    request: Request
    lane: _Lane
    began: float


class Driver:
    """The transport's state. All methods but `post` belong to its thread."""

    def __init__(self, settings: TransportSettings, authorize: Authorize) -> None:
        self._settings = settings
        self._authorize = authorize
        self._wire = Wire(settings)
        self._inbox: deque[Callable[[], None]] = deque()
        self._woken = False
        self._stopping = False
        self._dead = False
        self._calls: set[Call[Any]] = set()
        self._lanes: dict[tuple[str, str], _Lane] = {}
        self._flights: dict[object, _Flight] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = 0
        self._parked: list[tuple[Call[Any], Callable[[], None]]] = []
        self._exchanges: dict[str, list[tuple[Call[Any], Request]]] = {}

    def post(self, action: Callable[[], None]) -> None:
        """Have the thread run an action soon. Any thread may call it."""
        self._inbox.append(action)
        if self._dead:
            self._read_inbox()
        elif not self._woken:
            self._woken = True
            self._wire.wake()

    def run(self) -> None:
        """Be the transport's thread until `stop`; whatever goes wrong, no call is left waiting."""
        error: BaseException = Cancelled("the transport was closed")
        try:
            while not self._stopping:
                for key, outcome in self._wire.wait(self._patience()):
                    self._landed(key, outcome)
                # Cleared before the inbox is read: a post after this wakes the next wait.
                self._woken = False
                self._read_inbox()
                self._ring()
        except BaseException as fault:  # Consumers would wait for ever.
            error = fault
        finally:
            self._stopping = True
            for call in list(self._calls):
                self._end(call, None, error)
            self._dead = True
            self._read_inbox()
            self._wire.close()

    def stop(self) -> None:
        """Leave `run` after this round."""
        self._stopping = True

    def begin(self, call: Call[Any]) -> None:
        """Start a conversation."""
        if self._stopping or call.cancelled:
            call.finish(None, Cancelled("the call was cancelled"))
            return
        self._calls.add(call)
        self._resume(call)

    def cancel(self, call: Call[Any]) -> None:
        """End a call now, wherever it stands."""
        self._end(call, None, Cancelled("the call was cancelled"))

    def _read_inbox(self) -> None:
        while True:
            try:
                action = self._inbox.popleft()
            except IndexError:
                return
            action()

    def _patience(self) -> float | None:
        if self._inbox:
            return 0.0
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None

    def _ring(self) -> None:
        """Run the timers that are due."""
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()

    def _at(self, due: float, action: Callable[[], None]) -> None:
        self._serial += 1
        heapq.heappush(self._timers, (due, self._serial, action))

    # One conversation.

    def _resume(
        self, call: Call[Any], value: Response | None = None, failure: Exception | None = None
    ) -> None:
        """Go on with a conversation until it has to wait."""
        while call in self._calls:
            try:
                effect = call.conversation.throw(failure) if failure else call.conversation.send(value)
            except StopIteration as stop:
                self._end(call, stop.value, None)
                return
            except Exception as error:
                self._end(call, None, error)
                return
            value = failure = None
            if not self._perform(call, effect):
                return

    def _perform(self, call: Call[Any], effect: Effect) -> bool:
        """Do what a conversation asks; True when it can go on at once."""
        if isinstance(effect, Send):
            self._queue(call, effect.request)
            return False
        if isinstance(effect, Pause):
            self._at(time.monotonic() + max(0.0, effect.seconds), lambda: self._resume(call))
            return False
        if isinstance(effect, Emit):
            return self._emit(call, effect)
        if isinstance(effect, Tell) and call.on_progress is not None:
            call.on_progress(effect.progress)
        return True

    def _emit(self, call: Call[Any], effect: Emit) -> bool:
        """Hand a page over; False when the call is parked until there is room."""
        if self._park(call, lambda: self._resume(call) if self._emit(call, effect) else None):
            return False
        call.stats.pages += 1
        call.sink.put(call, effect.page)
        return True

    def _park(self, call: Call[Any], action: Callable[[], None]) -> bool:
        """Keep an action until the call's queue has room; False when it has room now."""
        if not call.sink.full or not call.sink.ask_for_room(self._room):
            return False
        self._parked.append((call, action))
        return True

    def _room(self) -> None:
        """Told by a consumer's thread: some queue has room again."""
        self.post(self._unpark)

    def _unpark(self) -> None:
        parked, self._parked = self._parked, []
        for call, action in parked:
            if call in self._calls:
                action()

    def _end(self, call: Call[Any], value: Any, error: BaseException | None) -> None:
        if call not in self._calls:
            return
        self._calls.discard(call)
        flight = self._flights.pop(call, None)
        if flight is not None:
            self._wire.cancel(call)
            now = time.monotonic()
            flight.lane.limiter.finished(began=flight.began, now=now, throttled=False, succeeded=False)
        try:
            call.conversation.close()
        except Exception as fault:
            error = error or fault
        call.finish(value, error)
        if flight is not None:
            self._admit(flight.lane)

    # The way to the wire.

    def _queue(self, call: Call[Any], request: Request) -> None:
        lane = self._lane(request)
        lane.waiting.append((call, request))
        self._admit(lane)

    def _lane(self, request: Request) -> _Lane:
        parts = urlsplit(request.url)
        key = (parts.netloc, "" if request.anonymous else f"{request.provider} {request.connection}")
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane(Limiter(self._settings.concurrency), parts.scheme != "https")
        return lane

    def _admit(self, lane: _Lane) -> None:
        """Send what the limit of the lane lets through, in order."""
        now = time.monotonic()
        while lane.waiting and not self._stopping:
            if not lane.limiter.ready(now):
                self._set_alarm(lane, now)
                return
            if not lane.known and lane.limiter.in_flight >= _SCOUTS:
                return
            call, request = lane.waiting.popleft()
            # A page that could not be handed over need not be fetched yet.
            if call in self._calls and not self._park(call, self._queuer(call, request)):
                self._launch(call, request, lane, now)

    def _queuer(self, call: Call[Any], request: Request) -> Callable[[], None]:
        return lambda: self._queue(call, request)

    def _set_alarm(self, lane: _Lane, now: float) -> None:
        until = lane.limiter.stopped_until(now)
        if until is not None and not lane.alarm:
            lane.alarm = True
            self._at(until, lambda: self._silence(lane))

    def _silence(self, lane: _Lane) -> None:
        lane.alarm = False
        self._admit(lane)

    def _launch(self, call: Call[Any], request: Request, lane: _Lane, now: float) -> None:
        try:
            ready = request if request.anonymous else self._authorize(request)
            if isinstance(ready, Exchange):
                self._exchange(ready, call, request)
                return
            self._wire.start(call, ready)
        except Exception as error:
            self._resume(call, failure=error)
            return
        call.stats.calls += 1
        call.stats.retries += ready.attempt > 1
        lane.limiter.started()
        self._flights[call] = _Flight(call, ready, lane, now)

    def _landed(self, key: object, outcome: Outcome) -> None:
        """Take the end of a request: adapt the limit, tell the log, go on with the conversation."""
        flight = self._flights.pop(key, None)
        if flight is None:
            return
        call, now = flight.call, time.monotonic()
        self._adapt(flight, outcome, now)
        call.stats.seconds += outcome.seconds
        failure: Exception | None = None
        try:
            if self._settings.on_exchange is not None:
                self._settings.on_exchange(flight.request, outcome)
        except Exception as error:
            failure = error
        if isinstance(outcome, Response):
            flight.lane.known = True
            call.stats.bytes += len(outcome.body)
            self._resume(call, outcome, failure)
        else:
            self._resume(call, failure=failure or outcome)
        self._admit(flight.lane)

    def _adapt(self, flight: _Flight, outcome: Outcome, now: float) -> None:
        answered = isinstance(outcome, Response)
        throttled = isinstance(outcome, Response) and (outcome.status == 503 or is_throttled(outcome))
        flight.lane.limiter.finished(
            began=flight.began,
            now=now,
            throttled=throttled,
            succeeded=answered,
            retry_after=retry_after(outcome.headers) if isinstance(outcome, Response) and throttled else None,
        )

    # Tokens.

    def _exchange(self, exchange: Exchange, call: Call[Any], request: Request) -> None:
        """Have the call wait for a token; the first that wants one starts its conversation."""
        waiting = self._exchanges.get(exchange.key)
        if waiting is not None:
            waiting.append((call, request))
            return
        self._exchanges[exchange.key] = [(call, request)]
        from tablecloud.rest.transport import internal_call

        fetch = internal_call(exchange.begin(), lambda error: self._exchanged(exchange.key, error))
        self.begin(fetch)

    def _exchanged(self, key: str, error: BaseException | None) -> None:
        waiting = self._exchanges.pop(key)
        for call, request in waiting:
            if call not in self._calls:
                continue
            if isinstance(error, Exception):
                self._resume(call, failure=error)
            else:
                self._queue(call, request)
