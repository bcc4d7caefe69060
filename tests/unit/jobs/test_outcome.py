"""What observations mean: a table of cases, since the function is pure."""

from __future__ import annotations

from pathlib import Path

import pytest

from tablecloud.jobs.model import (
    FINAL,
    TRANSITIONS,
    Job,
    Observation,
    Reason,
    ReplicaState,
    ReplicaStatus,
    State,
)
from tablecloud.jobs.outcome import (
    Advance,
    Decision,
    Retry,
    decide_outcome,
    last_traceback,
    overdue,
    used_units,
)
from tablecloud.jobs.settings import ServiceSettings

NOW = 1000.0
SETTINGS = ServiceSettings(root=Path("/nowhere"))
LOGS = "To find out more about why your job exited please check the logs: tablecloud ml logs a"


def job(state: State = State.RUNNING, **more) -> Job:
    more.setdefault("attempt", 1)
    return Job(uid="u", project="p", job_id="a", state=state, document={}, create_time=900.0, **more)


def replica(state: ReplicaState = ReplicaState.EXITED, code: int | None = None, **more) -> ReplicaStatus:
    more.setdefault("name", "master-replica-0")
    more.setdefault("ended", 990.0 if state is ReplicaState.EXITED else None)
    return ReplicaStatus(state=state, exit_code=code, **more)


def seen(*replicas: ReplicaStatus, finished: bool = True, **more) -> Observation:
    return Observation(replicas=replicas, finished=finished, **more)


def decided(of: Job, observation: Observation, settings: ServiceSettings = SETTINGS, output=()) -> Decision:
    return decide_outcome(of, observation, settings=settings, now=NOW, output=output)


RUNS = replica(ReplicaState.RUNNING, started=950.0)
PENDING = replica(ReplicaState.PENDING, name="worker-replica-0")


class TestRunning:
    def test_nothing_while_it_runs(self) -> None:
        assert decided(job(), seen(RUNS, finished=False)) is None

    def test_an_exit_waits_until_the_logs_are_complete(self) -> None:
        assert decided(job(), seen(replica(code=0), finished=False)) is None
        assert decided(job(), seen(replica(code=1), finished=False)) is None

    def test_the_primary_decides(self) -> None:
        stopped = replica(name="ps-replica-0", signal=15, stopped=True)
        done = Advance(to=State.SUCCEEDED, reason=Reason.EXIT_ZERO)
        assert decided(job(), seen(replica(code=0), stopped)) == done
        assert decided(job(), seen(replica(code=0), replica(code=3, name="worker-replica-0"))) == done

    def test_a_worker_that_fails_fails_the_job(self) -> None:
        observation = seen(
            replica(code=0, stopped=True),
            replica(code=3, name="worker-replica-1", ended=980.0),
            signalled_at=981.0,
        )
        decision = decided(job(), observation)
        assert isinstance(decision, Advance)
        assert decision.error_message == (
            f"The replica worker 1 exited with a non-zero status of 3. Termination reason: Error. {LOGS}"
        )

    def test_several_failures_are_told_in_one_message(self) -> None:
        decision = decided(job(), seen(replica(code=1), replica(code=2, name="worker-replica-0")))
        assert isinstance(decision, Advance)
        assert decision.reason is Reason.EXIT_NONZERO
        assert decision.error_message == (
            "The replica master 0 exited with a non-zero status of 1. Termination reason: Error. "
            f"The replica worker 0 exited with a non-zero status of 2. Termination reason: Error. {LOGS}"
        )

    def test_out_of_memory(self) -> None:
        decision = decided(job(), seen(replica(signal=9, out_of_memory=True)))
        assert decision == Advance(
            to=State.FAILED,
            reason=Reason.OUT_OF_MEMORY,
            error_message="The replica master 0 ran out-of-memory and exited with a non-zero status of "
            f"9(SIGKILL). {LOGS}",
        )

    @pytest.mark.parametrize("code", [1, 2, 127, 128, 160, 255])
    def test_codes_of_the_program(self, code: int) -> None:
        decision = decided(job(), seen(replica(code=code)))
        assert isinstance(decision, Advance)
        assert decision.reason is Reason.EXIT_NONZERO

    @pytest.mark.parametrize("how", [{"signal": 9}, {"signal": 11}, {"code": 137}, {"code": 143}])
    def test_signals_nobody_here_sent_are_infrastructure(self, how: dict[str, int]) -> None:
        assert decided(job(), seen(replica(**how))) == Retry(reason=Reason.INFRA_LOST, delay=10.0)

    def test_a_stop_that_nobody_asked_for_is_infrastructure(self) -> None:
        observation = seen(replica(signal=15, stopped=True), signalled_at=980.0)
        assert decided(job(), observation) == Retry(reason=Reason.INFRA_LOST, delay=10.0)

    def test_user_restarts(self) -> None:
        settings = ServiceSettings(root=Path("/nowhere"), max_user_restarts=2)
        again = Retry(reason=Reason.EXIT_NONZERO, delay=0.0, user=True)
        assert decided(job(attempt=2, user_restarts=1), seen(replica(code=1)), settings) == again
        last = decided(job(attempt=3, user_restarts=2), seen(replica(code=1)), settings)
        assert isinstance(last, Advance)
        # They do not use up what lost machines are allowed.
        assert decided(job(attempt=3, user_restarts=2), seen(lost=True), settings) == Retry(
            reason=Reason.INFRA_LOST, delay=10.0
        )

    def test_memory_is_never_tried_again(self) -> None:
        settings = ServiceSettings(root=Path("/nowhere"), max_user_restarts=2)
        assert isinstance(decided(job(), seen(replica(signal=9, out_of_memory=True)), settings), Advance)


class TestLost:
    @pytest.mark.parametrize(("attempt", "delay"), [(1, 10.0), (2, 20.0)])
    def test_backoff(self, attempt: int, delay: float) -> None:
        decision = decided(job(attempt=attempt), seen(finished=False, lost=True))
        assert decision == Retry(reason=Reason.INFRA_LOST, delay=delay)

    def test_the_last(self) -> None:
        decision = decided(job(attempt=3), seen(finished=False, lost=True, detail="The node is gone."))
        assert decision == Advance(
            to=State.FAILED,
            reason=Reason.INFRA_LOST,
            error_message="Internal error occurred for the current attempt. The node is gone.",
        )


class TestPreparing:
    def test_running_when_all_replicas_have_started(self) -> None:
        assert decided(job(State.PREPARING), seen(RUNS, PENDING, finished=False)) is None
        decision = decided(job(State.PREPARING), seen(RUNS, finished=False))
        assert decision == Advance(to=State.RUNNING, reason=Reason.STARTED, started=950.0)

    def test_a_clock_that_runs_ahead_gives_no_start_in_the_future(self) -> None:
        ahead = replica(ReplicaState.RUNNING, started=NOW + 60)
        decision = decided(job(State.PREPARING), seen(ahead, finished=False))
        assert isinstance(decision, Advance)
        assert decision.started == NOW

    def test_an_end_is_reached_through_running(self) -> None:
        for observation in (seen(replica(code=0)), seen(replica(code=0), PENDING), seen(replica(code=1))):
            decision = decided(job(State.PREPARING), observation)
            assert isinstance(decision, Advance)
            assert decision.to is State.RUNNING

    def test_install_failure(self) -> None:
        observation = seen(PENDING, failed=Reason.INSTALL_FAILED, detail="No module named 'nope'.")
        decision = decided(job(State.PREPARING), observation)
        assert decision == Advance(
            to=State.FAILED,
            reason=Reason.INSTALL_FAILED,
            error_message=f"The packages of the job could not be installed. No module named 'nope'. {LOGS}",
        )
        waiting = seen(PENDING, failed=Reason.INSTALL_FAILED, finished=False)
        assert decided(job(State.PREPARING), waiting) is None

    def test_over_before_anything_started(self) -> None:
        assert decided(job(State.PREPARING), seen(PENDING)) == Retry(reason=Reason.INFRA_LOST, delay=10.0)


class TestCancelling:
    asked = job(State.CANCELLING, cancel_reason=Reason.MAX_RUNNING, error_message="Too long.")
    cancelled = Advance(to=State.CANCELLED, reason=Reason.MAX_RUNNING, error_message="Too long.")

    def test_waits_until_nothing_is_left(self) -> None:
        assert decided(self.asked, seen(RUNS, finished=False)) is None

    def test_won_by_an_exit_before_the_signal(self) -> None:
        won = Advance(to=State.SUCCEEDED, reason=Reason.EXIT_ZERO)
        assert decided(self.asked, seen(replica(code=0, ended=980.0), signalled_at=981.0)) == won
        assert decided(self.asked, seen(replica(code=0))) == won

    @pytest.mark.parametrize(
        "observation",
        [
            seen(replica(code=0, ended=982.0), signalled_at=981.0),
            seen(replica(code=0, ended=980.0, stopped=True), signalled_at=981.0),
            seen(replica(code=1, ended=980.0), signalled_at=981.0),
            seen(replica(signal=15, stopped=True), signalled_at=981.0),
            seen(PENDING, failed=Reason.INSTALL_FAILED),
            seen(finished=False, lost=True),
            seen(),
        ],
    )
    def test_otherwise_cancelled_whatever_the_exit(self, observation: Observation) -> None:
        assert decided(self.asked, observation) == self.cancelled


class TestDeadlines:
    def test_none_without_one_or_before_it(self) -> None:
        assert overdue(job(), NOW) is None
        assert overdue(job(run_deadline=NOW + 0.1, start_time=950.0), NOW) is None
        assert overdue(job(State.CANCELLING, run_deadline=1.0), NOW) is None
        assert overdue(job(State.RUNNING, wait_deadline=1.0), NOW) is None

    def test_fractions_of_seconds(self) -> None:
        late = overdue(job(run_deadline=950.5, start_time=950.0), NOW)
        assert late is not None
        assert late.error_message == "The job exceeded its maximum running time of 0.5s."


def test_every_decision_is_a_legal_move() -> None:
    observations = [
        seen(*replicas, finished=finished, lost=lost, failed=failed, signalled_at=signalled)
        for replicas in [
            (),
            (RUNS,),
            (PENDING,),
            (replica(code=0),),
            (replica(code=1), PENDING),
            (replica(signal=9),),
        ]
        for finished in (True, False)
        for lost in (True, False)
        for failed in (None, Reason.INSTALL_FAILED, Reason.INFRA_LOST, Reason.INTERNAL)
        for signalled in (None, 1.0)
    ]
    for state in (State.PREPARING, State.RUNNING, State.CANCELLING):
        for attempt in (1, 3):
            for observation in observations:
                decision = decided(job(state, attempt=attempt), observation)
                if isinstance(decision, Advance):
                    assert decision.to in TRANSITIONS[state], (state, observation)
                    if decision.to in FINAL:
                        assert observation.finished or observation.lost
                        assert (decision.error_message is None) == (decision.to is State.SUCCEEDED)
                elif isinstance(decision, Retry):
                    assert state is not State.CANCELLING


class TestTraceback:
    def test_the_last_one_without_what_follows(self) -> None:
        lines = ["Traceback (most recent call last):", "  old", "KeyError: 1", "epoch 2"]
        lines += [
            "Traceback (most recent call last):",
            '  File "x", line 1',
            "",
            "    f()",
            "ValueError: 2",
            "bye",
        ]
        assert last_traceback(lines) == "\n".join(lines[4:9])

    def test_none(self) -> None:
        assert last_traceback([]) == ""
        assert last_traceback(["all well"]) == ""

    def test_clipped_at_its_beginning(self) -> None:
        text = last_traceback(["Traceback (most recent call last):", "  " + "x" * 5000, "ValueError: end"])
        assert len(text) == 2001
        assert text.startswith("…")
        assert text.endswith("ValueError: end")


def test_units() -> None:
    assert used_units(4.0, 3600.0) == 0.39
    assert used_units(4.0, -5.0) == 0.0
