"""Runs INSERT, UPDATE, REPLACE, DELETE and EXEC: one call a row, none sent twice, the truth about each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tablecloud.engine.body import CallInput, call_input
from tablecloud.engine.model import Engine, OnError
from tablecloud.engine.query import run_query
from tablecloud.engine.result import Notice, Result
from tablecloud.engine.tally import Tally, method_name, notice_of
from tablecloud.engine.told import outcome_text, summary_text
from tablecloud.errors import Cancelled, RemoteError
from tablecloud.rest.longrun import await_outcome
from tablecloud.rest.messages import Conversation, Request, Response
from tablecloud.rest.pages import CallEnded, PageQueue
from tablecloud.rest.request import build_request
from tablecloud.rest.retry import attempt
from tablecloud.sql.plan import Invocation, Mutation

if TYPE_CHECKING:
    from tablecloud.rest.transport import Call

_KEEP_NULL = ("UPDATE", "REPLACE")


@dataclass(slots=True, kw_only=True)
class Write:
    """One call of a mutation: what goes out and what became of it."""

    input: CallInput
    request: Request
    response: Response | None = None
    error: BaseException | None = None
    tried: bool = False
    answered: bool = False
    """The service has taken the call; what it began may still be waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRun:
    """The calls of one statement, in the order of its rows."""

    action: Mutation | Invocation
    engine: Engine
    root_url: str
    writes: Sequence[Write]
    tally: Tally
    queue: PageQueue = field(default_factory=PageQueue)


def run_mutation(plan: Mutation, engine: Engine) -> Result:
    """Evaluate the source, make one call a row, and report.

    Raises:
        InvalidValue: a row cannot be sent; nothing has been sent.
        RemoteError: no call succeeded, or one failed and the mode is strict; says what was done.
    """
    source, inputs = _evaluated(plan, engine)
    result = _run(plan, inputs, engine)
    result.notices[:0] = source.notices
    result.stats.calls += source.stats.calls
    result.stats.pages += source.stats.pages
    result.stats.bytes += source.stats.bytes
    return result


def run_invocation(plan: Invocation, engine: Engine) -> Result:
    """Make one bare call and return its answer as rows.

    Raises:
        RemoteError: it failed.
    """
    return _run(plan, [_bare(plan)], engine)


def would_send(plan: Mutation | Invocation, engine: Engine) -> list[Request]:
    """Return the requests of a statement whose source needs no calls; nothing is sent.

    Raises:
        InvalidValue, MissingParameter: one of them cannot be built.
    """
    inputs = [_bare(plan)] if isinstance(plan, Invocation) else _evaluated(plan, engine)[1]
    return _requests(plan, inputs, engine.root_url(plan.resource))


def _evaluated(plan: Mutation, engine: Engine) -> tuple[Result, list[CallInput]]:
    """Read the source to its end: what each row stands for, before anything is sent."""
    # A source with rows missing would write the wrong things, so its calls must all succeed.
    mode = OnError.IGNORE if engine.on_error is OnError.IGNORE else OnError.STRICT
    source = run_query(plan.source, replace(engine, on_error=mode))
    keep_null = plan.verb in _KEEP_NULL
    return source, [call_input(row, plan.targets, plan.method, keep_null=keep_null) for row in source.rows()]


def _bare(plan: Invocation) -> CallInput:
    return CallInput(arguments=plan.arguments, body=plan.body)


def _requests(plan: Mutation | Invocation, inputs: Sequence[CallInput], root_url: str) -> list[Request]:
    resource, method = plan.resource, plan.method
    return [build_request(resource, method, i.arguments, i.body, root_url=root_url) for i in inputs]


def _run(plan: Mutation | Invocation, inputs: Sequence[CallInput], engine: Engine) -> Result:
    root_url = engine.root_url(plan.resource)
    requests = _requests(plan, inputs, root_url)
    writes = [Write(input=i, request=r) for i, r in zip(inputs, requests, strict=True)]
    began = engine.clock.monotonic()
    run = WriteRun(action=plan, engine=engine, root_url=root_url, writes=writes, tally=Tally(engine.on_error))
    engine.cancellation.on_cancel(run.queue.cancel)
    try:
        _send_all(run)
    except (Cancelled, KeyboardInterrupt) as error:
        raise Cancelled(f"cancelled: {_cut_off(run)}", hint=_goes_on(run)) from error
    finally:
        run.queue.cancel()
    result = _reported(run)
    result.stats.seconds = engine.clock.monotonic() - began
    return result


def _cut_off(run: WriteRun) -> str:
    """Say what is known of a statement that was cancelled in the middle."""
    done, failed, rest = _counts(run)
    open_ = [w for w in run.writes if w.tried and w.response is None and w.error is None]
    begun = sum(w.answered for w in open_)
    facts = (
        (done, "done"),
        (failed, "failed"),
        (begun, "begun and no longer waited for"),
        (len(open_) - begun, "cut off and perhaps carried out"),
        (rest - len(open_), "not tried"),
    )
    return ", ".join(f"{count} {what}" for count, what in facts if count) or "nothing was sent"


def _goes_on(run: WriteRun) -> str:
    begun = any(w.answered and w.response is None and w.error is None for w in run.writes)
    return "what was begun goes on at the service; SELECT shows how it fares" if begun else ""


def _send_all(run: WriteRun) -> None:
    """Send the calls in order, a few at a time; after a failure start no more, and await those under way."""
    waiting = iter(run.writes)
    under_way: dict[Call[Response], Write] = {}
    failed = False
    while True:
        while not failed and len(under_way) < run.engine.writes_in_flight:
            write = next(waiting, None)
            if write is None:
                break
            under_way[_begin(run, write)] = write
        if not under_way:
            return
        arrival = run.queue.get()
        if isinstance(arrival, CallEnded):
            write = under_way.pop(arrival.call)
            write.error = arrival.error
            if arrival.error is None:
                write.response = arrival.call.result()
            failed = failed or arrival.error is not None


def _begin(run: WriteRun, write: Write) -> Call[Response]:
    write.tried = True
    run.tally.sent()
    return run.engine.transport.start(
        _conversation(run, write), sink=run.queue, on_progress=run.engine.progress
    )


def _conversation(run: WriteRun, write: Write) -> Conversation[Response]:
    """Send one request; with AWAIT, wait for what it began."""
    plan = run.action
    response = yield from attempt(write.request, run.engine.policy)
    write.answered = True
    if plan.await_ and plan.method.long_running is not None:
        response = yield from await_outcome(
            plan.method,
            write.input.arguments,
            response,
            root_url=run.root_url,
            provider=plan.resource.provider,
            policy=run.engine.policy,
            clock=run.engine.clock,
        )
    return response


def _reported(run: WriteRun) -> Result:
    """Return what the statement shows, or raise, by what became of the calls and by the mode."""
    _note_failures(run)
    done = [w for w in run.writes if w.response is not None]
    failures = [w.error for w in run.writes if w.error is not None]
    for error in failures:
        if not isinstance(error, RemoteError) or _fails_statement(run, bool(done)):
            raise _with_summary(error, run)
    result = _rows(run, done)
    result.notices[:0] = run.tally.notices
    result.stats.calls = run.tally.stats.calls
    if failures and run.engine.on_error is not OnError.IGNORE:
        result.failure = run.tally.first_failure
    return result


def _fails_statement(run: WriteRun, some_done: bool) -> bool:
    mode = run.engine.on_error
    return mode is OnError.STRICT or (mode is OnError.PARTIAL and not some_done)


def _note_failures(run: WriteRun) -> None:
    """Keep a notice of each failed call, and one of all that were not tried: they are the last rows."""
    resource, method = run.action.resource, run.action.method
    for number, write in enumerate(run.writes, start=1):
        if isinstance(write.error, RemoteError):
            run.tally.first_failure = run.tally.first_failure or write.error
            notice = notice_of(write.error, resource, method, write.input.arguments, severity="error")
            row = f"row {number}: " if len(run.writes) > 1 else ""
            run.tally.note(replace(notice, message=row + notice.message))
    first = next((n for n, write in enumerate(run.writes, start=1) if not write.tried), None)
    if first is not None:
        run.tally.note(
            Notice(
                severity="error",
                provider=resource.provider,
                method=method_name(resource, method),
                arguments={},
                message=f"rows {first} to {len(run.writes)} were not tried, because a row before them failed",
            )
        )


def _with_summary(error: BaseException, run: WriteRun) -> BaseException:
    if isinstance(error, RemoteError | Cancelled) and len(run.writes) > 1:
        error.message = f"{error.message} ({summary_text(_counts(run))})"
    return error


def _counts(run: WriteRun) -> tuple[int, int, int]:
    """Return how many calls were done, failed and were not tried."""
    done = sum(w.response is not None for w in run.writes)
    failed = sum(w.error is not None for w in run.writes)
    return done, failed, len(run.writes) - done - failed


def _rows(run: WriteRun, done: Sequence[Write]) -> Result:
    """Return the responses as rows where they were asked for, else a message."""
    from tablecloud.engine.returning import returned_rows

    plan = run.action
    answers = [(w.response.body, w.input.arguments) for w in done if w.response is not None]
    if isinstance(plan, Invocation):
        wants_rows = plan.show_results and any(body.strip() not in (b"", b"{}") for body, _ in answers)
        select = "*"
    else:
        wants_rows, select = plan.returning is not None, plan.returning or "*"
    text = outcome_text(plan, answers, _counts(run))
    if not wants_rows:
        return Result(message=text)
    result = returned_rows(plan, answers, select, run.engine)
    result.message = text
    return result
