"""Tuning jobs on the scripted executor: every move by hand, on a clock that stands still."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import Crash
from tuning_bench import N, TuningBench

from tablecloud.jobs.model import Job, State
from tablecloud.jobs.tuning import controller
from tablecloud.jobs.tuning.trials import Trials


def test_trials_follow_each_other_up_to_the_limit(bench: TuningBench) -> None:
    job = bench.search(maxTrials=4, maxParallelTrials=2)
    assert bench.states_of_trials(job) == ["PREPARING", "PREPARING"]
    assert bench.read(job).state is State.PREPARING
    bench.begin(job, 1, 2)
    assert bench.read(job).state is State.RUNNING
    bench.finish(job, 2, 0.2)
    assert bench.states_of_trials(job) == ["RUNNING", "SUCCEEDED", "PREPARING"]
    bench.finish(job, 1, 0.1)
    bench.finish(job, 3, 0.3)
    assert bench.ended(job) is None
    bench.finish(job, 4, 0.15)
    assert bench.ended(job) is State.SUCCEEDED
    output = bench.output(job)
    assert [one["trialId"] for one in output["trials"]] == ["3", "2", "4", "1"]
    assert output["completedTrialCount"] == "4"
    assert bench.states(job) == ["QUEUED", "PREPARING", "RUNNING", "SUCCEEDED"]
    bench.step()
    assert bench.executor.violations == [] and not any(one.alive for one in bench.executor.world.values())
    assert bench.read(job).ref is None


def test_the_output_grows_while_the_job_runs(bench: TuningBench) -> None:
    job = bench.search(maxTrials=2, maxParallelTrials=2, goal="MINIMIZE")
    bench.begin(job, 1, 2)
    bench.report(job, 1, 0.5, 10)
    bench.report(job, 2, 0.4, 10)
    bench.step()
    shown = bench.output(job)
    assert [(one["trialId"], one["state"]) for one in shown["trials"]] == [("2", "RUNNING"), ("1", "RUNNING")]
    assert shown["completedTrialCount"] == "0"
    bench.report(job, 1, 0.3, 20)
    bench.step()
    best = bench.output(job)["trials"][0]
    assert (best["trialId"], best["finalMetric"]) == ("1", {"trainingStep": "20", "objectiveValue": 0.3})
    revision = bench.read(job).revision
    bench.step()
    assert bench.read(job).revision == revision  # nothing new, nothing written


def test_a_trial_without_a_metric_succeeds_and_comes_last(bench: TuningBench) -> None:
    job = bench.search(maxTrials=2, maxParallelTrials=2)
    bench.begin(job, 1, 2)
    bench.finish(job, 1)
    bench.finish(job, 2, -5.0)
    assert bench.ended(job) is State.SUCCEEDED
    first, last = bench.output(job)["trials"]
    assert (first["trialId"], last["trialId"], last["state"]) == ("2", "1", "SUCCEEDED")
    assert "finalMetric" not in last


def test_a_metric_reported_at_the_very_end_counts(bench: TuningBench) -> None:
    job = bench.search(maxTrials=1)
    bench.finish(job, 1, 0.7)  # it began and ended between two looks
    assert bench.ended(job) is State.SUCCEEDED
    assert bench.output(job)["trials"][0]["finalMetric"]["objectiveValue"] == 0.7


def test_of_one_step_the_latest_report_counts(bench: TuningBench) -> None:
    job = bench.search(maxTrials=1)
    bench.begin(job, 1)
    for at, value in ((20.0, 0.3), (10.0, 0.9), (15.0, 0.5)):
        bench.report(job, 1, value, 4, at=at)
    bench.report(job, 1, 0.8, 3, at=99.0)
    bench.finish(job, 1)
    assert bench.output(job)["trials"][0]["finalMetric"] == {"trainingStep": "4", "objectiveValue": 0.3}


def test_trials_that_start_together_try_other_points(bench: TuningBench) -> None:
    job = bench.search(maxTrials=5, maxParallelTrials=5)
    assert len(set(points(bench, job))) == 5


def test_a_trial_is_on_disk_before_anything_of_it_starts(
    bench: TuningBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, seen = bench.executor.start, []

    def watched(spec, ref):
        seen.extend(one.ref for one in Trials(bench.store).of_job(spec.uid.partition("-")[0]))
        start(spec, ref)

    monkeypatch.setattr(bench.executor, "start", watched)
    job = bench.search()
    assert seen == [bench.trial(job, 1).ref]


class TestFailure:
    def test_the_first_parallel_trials_all_failing_is_the_end(self, bench: TuningBench) -> None:
        job = bench.search(maxTrials=10, maxParallelTrials=2)
        bench.begin(job, 1, 2)
        bench.finish(job, 1, code=1)
        assert bench.ended(job) is None
        bench.finish(job, 2, code=3)
        # Trial 3 had been started in the place of trial 1: it is stopped before the job ends.
        assert bench.read(job).state is State.RUNNING
        assert bench.trial(job, 3).stopping == "job"
        bench.finish(job, 3)
        assert bench.ended(job) is State.FAILED
        message = bench.read(job).error_message or ""
        assert message.startswith("2 of 3 hyperparameter tuning trials failed. Trial 2: The replica master 0")
        assert [one["state"] for one in bench.output(job)["trials"]] == ["FAILED", "FAILED", "CANCELLED"]

    def test_some_failures_are_tolerated(self, bench: TuningBench) -> None:
        job = bench.search(maxTrials=6)
        bench.finish(job, 1, 0.1)
        for number in (2, 3):
            bench.finish(job, number, code=1)
        for number in (4, 5, 6):
            bench.finish(job, number, 0.2)
        assert bench.ended(job) is State.SUCCEEDED
        assert bench.output(job)["completedTrialCount"] == "4"

    def test_two_failures_of_a_few_are_tolerated(self, bench: TuningBench) -> None:
        job = bench.search(maxTrials=4)
        bench.finish(job, 1, 0.1)
        bench.finish(job, 2, code=1)
        bench.finish(job, 3, code=1)
        bench.finish(job, 4, 0.1)
        assert bench.ended(job) is State.SUCCEEDED

    def test_half_of_the_trials_failing_is_the_end(self, bench: TuningBench) -> None:
        job = bench.search(maxTrials=6)
        bench.finish(job, 1, 0.1)
        for number in (2, 3, 4):
            bench.finish(job, number, code=1)
        assert bench.ended(job) is State.FAILED

    def test_the_user_says_how_many(self, bench: TuningBench) -> None:
        job = bench.search(maxTrials=9, maxFailedTrials=4)
        for number in (1, 2, 3):
            bench.finish(job, number, code=1)
        assert bench.ended(job) is None
        bench.finish(job, 4, code=1)
        assert bench.ended(job) is State.FAILED

    def test_all_trials_failing_within_what_the_user_allows_is_no_failure(self, bench: TuningBench) -> None:
        job = bench.search(maxTrials=2, maxFailedTrials=9)
        bench.finish(job, 1, code=1)
        bench.finish(job, 2, code=1)
        assert bench.ended(job) is State.SUCCEEDED

    def test_a_trial_that_cannot_be_laid_out_fails(
        self, bench: TuningBench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job = bench.search(maxTrials=1, running=False)
        bench.executor.refuse = "no room for another process"
        for _ in range(60):
            bench.step(10.0)
        assert bench.ended(job) is State.FAILED
        assert "no room for another process" in (bench.read(job).error_message or "")
        assert bench.trial(job, 1).attempt == bench.settings.infra_attempts

    def test_a_lost_trial_is_swept_before_it_ends(
        self, bench: TuningBench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cleanup, states = bench.executor.cleanup, []

        def watched(ref):
            states.append(bench.states_of_trials(job)[0])
            cleanup(ref)

        job = bench.search(maxTrials=1)
        for _ in range(bench.settings.infra_attempts):
            monkeypatch.setattr(bench.executor, "cleanup", cleanup)
            bench.begin(job, 1)
            bench.executor.vanish(bench.dressed(job, 1))
            monkeypatch.setattr(bench.executor, "cleanup", watched)
            states.clear()
            bench.step(60.0)
            bench.step(60.0)
        assert bench.ended(job) is State.FAILED
        assert states[0] == "RUNNING" and states[-1] == "FAILED"

    def test_a_lost_trial_is_tried_again(self, bench: TuningBench) -> None:
        job = bench.search(maxTrials=1)
        bench.begin(job, 1)
        bench.report(job, 1, 0.1, 5)
        bench.executor.vanish(bench.dressed(job, 1))
        bench.step()
        again = bench.trial(job, 1)
        assert (again.attempt, again.state) == (2, State.RUNNING)
        bench.step(1.0)
        assert f"{again.uid}-2" not in bench.executor.world  # it waits
        bench.step(20.0)
        bench.finish(job, 1, 0.9)
        assert bench.ended(job) is State.SUCCEEDED
        assert len(bench.trials(job)) == 1
        assert bench.executor.violations == []


class TestCancel:
    def test_running_trials_are_stopped_first(self, bench: TuningBench) -> None:
        job = bench.search(maxTrials=5, maxParallelTrials=2)
        bench.begin(job, 1, 2)
        bench.finish(job, 1, 0.5)
        bench.store.cancel(job.project, job.job_id, actor="user:x", now=bench.clock.now())
        bench.step()
        assert [one.stopping for one in bench.live(job)] == ["job", "job"]
        assert bench.read(job).state is State.CANCELLING
        for trial in bench.live(job):
            bench.finish(job, trial.trial_id, code=1)
        assert bench.ended(job) is State.CANCELLED
        assert bench.read(job).error_message == "Cancelled by user."
        assert bench.states_of_trials(job) == ["SUCCEEDED", "CANCELLED", "CANCELLED"]
        assert bench.output(job)["completedTrialCount"] == "1"

    def test_a_job_whose_last_trial_was_stopped_is_no_success(self, bench: TuningBench) -> None:
        job = bench.search(maxTrials=1)
        bench.begin(job, 1)
        bench.store.cancel(job.project, job.job_id, actor="user:x", now=bench.clock.now())
        for _ in range(3):
            bench.step()
        bench.executor.exit(bench.dressed(job, 1), 0)
        bench.step()
        assert bench.ended(job) is State.CANCELLED
        assert [what for what, _ in bench.executor.calls].count("stop") == 1

    def test_a_job_whose_last_trial_ended_before_is_a_success(self, bench: TuningBench) -> None:
        job = bench.search(maxTrials=1)
        bench.begin(job, 1)
        bench.report(job, 1, 0.5)
        bench.executor.exit(bench.dressed(job, 1), 0)
        bench.store.cancel(job.project, job.job_id, actor="user:x", now=bench.clock.now())
        bench.step()
        assert bench.ended(job) is State.SUCCEEDED

    def test_the_longest_running_time_is_the_jobs(self, bench: TuningBench) -> None:
        document = {
            "trainingInput": {
                "hyperparameters": {"algorithm": "RANDOM_SEARCH", "params": [N], "maxTrials": 3}
            }
        }
        job = bench.create(document=document, run_seconds=100.0)
        bench.step()
        bench.begin(job, 1)
        bench.step(99.0)
        bench.finish(job, 1, 0.1)
        bench.step(2.0)
        assert bench.read(job).state is State.CANCELLING
        bench.finish(job, 2, code=1)
        assert bench.ended(job) is State.CANCELLED
        assert "maximum running time of 100s" in (bench.read(job).error_message or "")


class TestEarlyStopping:
    def search(self, bench: TuningBench, **more) -> Job:
        job = bench.search(maxTrials=7, maxParallelTrials=1, enableTrialEarlyStopping=True, **more)
        for number in range(1, 6):
            bench.begin(job, number)
            bench.report(job, number, 0.5, 1)
            bench.report(job, number, 0.7, 2)
            bench.finish(job, number)
        bench.begin(job, 6)
        return job

    def test_a_hopeless_trial_is_stopped_and_its_last_metric_counts(self, bench: TuningBench) -> None:
        job = self.search(bench)
        bench.report(job, 6, 0.5, 1)
        bench.step()
        assert bench.trial(job, 6).stopping is None
        bench.report(job, 6, 0.59, 2)
        bench.step()
        assert (bench.trial(job, 6).stopping, bench.trial(job, 6).state) == ("early", State.CANCELLING)
        bench.executor.exit(bench.dressed(job, 6), None, signal=15)
        bench.step()
        stopped = bench.trial(job, 6)
        assert (stopped.state, stopped.stopped_early) == (State.SUCCEEDED, True)
        shown = next(one for one in bench.output(job)["trials"] if one["trialId"] == "6")
        assert shown["isTrialStoppedEarly"] is True and shown["state"] == "SUCCEEDED"
        assert shown["finalMetric"]["objectiveValue"] == 0.59
        bench.finish(job, 7, 0.1)
        assert bench.ended(job) is State.SUCCEEDED

    def test_one_that_ended_first_was_not_stopped(self, bench: TuningBench) -> None:
        job = self.search(bench)
        bench.report(job, 6, 0.1, 2)
        # The program ends between the look at its metric and the signal.
        bench.executor.exit(bench.dressed(job, 6), 0)
        bench.step()
        assert bench.trial(job, 6).state is State.SUCCEEDED
        assert not bench.trial(job, 6).stopped_early

    def test_nobody_is_stopped_unless_asked_for(self, bench: TuningBench) -> None:
        job = bench.search(maxTrials=7, maxParallelTrials=1)
        for number in range(1, 6):
            bench.begin(job, number)
            bench.finish(job, number, 0.9)
        bench.begin(job, 6)
        bench.report(job, 6, -9.0, 5)
        bench.step()
        assert bench.trial(job, 6).stopping is None


class TestResume:
    def test_it_goes_on_with_ids_and_points(self, bench: TuningBench) -> None:
        first = bench.search("first", params=[N], algorithm="GRID_SEARCH", maxTrials=2)
        bench.finish(first, 1, 0.1)
        bench.finish(first, 2, 0.2)
        second = bench.search("second", params=[N], algorithm="GRID_SEARCH", resumePreviousJobId="first")
        assert [(one.trial_id, one.assignment) for one in bench.trials(second)] == [(3, {"n": 3})]
        bench.finish(second, 3, 0.3)
        assert [one["trialId"] for one in bench.output(second)["trials"]] == ["3"]
        third = bench.search("third", params=[N], algorithm="GRID_SEARCH", resumePreviousJobId="second")
        bench.step()
        assert bench.ended(third) is State.SUCCEEDED  # nothing is left to try
        assert bench.trials(third) == []
        assert controller._EXHAUSTED in bench.lines(third)


def test_without_numpy_the_log_says_so(bench: TuningBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controller, "process_available", lambda: False)
    job = bench.search(algorithm="ALGORITHM_UNSPECIFIED", maxTrials=2)
    bench.finish(job, 1, 0.1)
    assert bench.lines(job).count(controller._NO_NUMPY) == 1


def test_other_jobs_are_driven_as_before(bench: TuningBench) -> None:
    plain = bench.create()
    tuned = bench.search()
    bench.executor.exit(bench.read(plain))
    bench.finish(tuned, 1, 0.5)
    assert bench.ended(plain) is bench.ended(tuned) is State.SUCCEEDED


def points(bench: TuningBench, job: Job) -> list[float]:
    return [float(one.assignment["rate"]) for one in bench.trials(job)]


def test_a_crash_changes_no_suggestion(tmp_path: Path) -> None:
    found = []
    for crashes in (False, True):
        root = tmp_path / str(crashes)
        root.mkdir()
        bench = TuningBench(root)
        job = bench.search(maxTrials=6, algorithm="ALGORITHM_UNSPECIFIED")
        for number in range(1, 7):
            if crashes:
                bench.crash()
            bench.finish(job, number, (points(bench, job)[-1] - 0.3) ** 2)
        assert bench.ended(job) is State.SUCCEEDED
        found.append(points(bench, job))
        bench.close()
    assert found[0] == found[1]


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["begin", "report", "exit", "fail", "vanish", "cancel", "crash", "fuse", "wait"]),
        st.integers(1, 12),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(moves=MOVES, spec=st.tuples(st.integers(1, 5), st.integers(1, 3), st.booleans()))
def test_any_history_ends_once_and_leaves_nothing(
    tmp_path_factory: pytest.TempPathFactory, moves: list[tuple[str, int]], spec: tuple[int, int, bool]
) -> None:
    """The service crashes between any two effects; trials end, fail or vanish; somebody cancels."""
    trials, parallel, early = spec
    bench = TuningBench(tmp_path_factory.mktemp("bench"), infra_backoff_seconds=0.0)
    try:
        job = bench.search(
            maxTrials=trials, maxParallelTrials=parallel, enableTrialEarlyStopping=early, running=False
        )
        for what, number in moves:
            act(bench, job, what, number)
            survive(bench)
            seen = bench.states(job)
            assert sum(State(one).final for one in seen) <= 1
            ids = [one.trial_id for one in bench.trials(job)]
            assert ids == list(range(1, len(ids) + 1)) and len(ids) <= trials
            assert len(bench.live(job)) <= parallel
        bench.executor.fuse = None
        for _ in range(60):
            if bench.ended(job):
                break
            for trial in bench.live(job):
                act(bench, job, "exit", trial.trial_id)
            bench.step()
        bench.step()
        assert bench.ended(job) is not None
        assert bench.live(job) == []
        assert bench.executor.violations == []
        assert not any(one.alive for one in bench.executor.world.values())
        assert all(one.ref is None for one in bench.trials(job))
    finally:
        bench.close()


def act(bench: TuningBench, job: Job, what: str, number: int) -> None:
    if what == "crash":
        bench.crash()
    elif what == "fuse":
        bench.executor.fuse = number
    elif what == "cancel" and bench.ended(job) is None:
        bench.store.cancel(job.project, job.job_id, actor="user:x", now=bench.clock.now())
    live = [one.trial_id for one in bench.live(job)]
    if not live or what not in ("begin", "report", "exit", "fail", "vanish"):
        return
    chosen = live[number % len(live)]
    if what == "report":
        bench.report(job, chosen, number / 10, number)
        return
    dressed = bench.dressed(job, chosen)
    attempt = bench.executor.world.get(f"{dressed.uid}-{dressed.attempt}")
    if attempt is None or not attempt.alive:
        return
    if what == "begin":
        bench.executor.run(dressed)
    elif what == "vanish":
        bench.executor.vanish(dressed)
    else:
        bench.executor.exit(dressed, 0 if what == "exit" else 1)


def survive(bench: TuningBench) -> None:
    try:
        bench.step()
    except Crash:
        bench.executor.fuse = None
        bench.crash()
        bench.step()
