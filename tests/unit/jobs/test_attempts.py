"""What running programs say of themselves, on its way into the store: contract 3.3."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import scripted
from scripted import Bench

from tablecloud.jobs.attempts import PROGRESS_SECONDS, Progress
from tablecloud.jobs.model import Job, Reason, State


class Said:
    """What the program of every job says now, and how often it was asked."""

    def __init__(self) -> None:
        self.progress: Progress | None = None
        self.asked = 0

    def __call__(self, job: Job) -> Progress | None:
        self.asked += 1
        return self.progress

    def say(self, count: int, failure: str = "") -> None:
        self.progress = Progress(output={"predictionCount": str(count)}, failure=failure)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Said:
    made = Said()
    monkeypatch.setattr(scripted, "LAYOUT", replace(scripted.LAYOUT, progress=made))
    return made


@pytest.fixture
def bench(tmp_path: Path, said: Said) -> Iterator[Bench]:
    made = Bench(tmp_path, max_user_restarts=3)
    yield made
    made.close()


@pytest.fixture
def job(bench: Bench) -> Job:
    made = bench.create()
    bench.step()
    bench.executor.run(bench.read(made))
    bench.step()
    assert bench.read(made).state is State.RUNNING
    return made


def test_progress_is_stored_while_it_runs(bench: Bench, said: Said, job: Job) -> None:
    bench.step(PROGRESS_SECONDS)
    assert bench.read(job).output is None
    for count in (3, 8):
        said.say(count)
        bench.step(PROGRESS_SECONDS)
        assert bench.read(job).output == {"predictionCount": str(count)}
    assert bench.read(job).state is State.RUNNING


def test_it_is_looked_at_now_and_then_and_stored_when_new(bench: Bench, said: Said, job: Job) -> None:
    said.say(3)
    bench.step(PROGRESS_SECONDS)
    asked, revision = said.asked, bench.read(job).revision
    for _ in range(3):
        bench.step(PROGRESS_SECONDS / 4)
    assert said.asked == asked
    bench.step(PROGRESS_SECONDS)
    assert said.asked == asked + 1
    assert bench.read(job).revision == revision


def test_the_end_has_the_last_word(bench: Bench, said: Said, job: Job) -> None:
    said.say(3)
    bench.step(PROGRESS_SECONDS)
    said.say(9)
    bench.executor.exit(bench.read(job))
    bench.step()
    ended = bench.read(job)
    assert ended.state is State.SUCCEEDED
    # The job is a training job: what it used is added to what it said.
    assert ended.output is not None and set(ended.output) == {"predictionCount", "consumedMLUnits"}
    assert ended.output["predictionCount"] == "9"


def test_a_program_that_says_why_it_gave_up_is_not_restarted(bench: Bench, said: Said, job: Job) -> None:
    said.say(3, failure="There is no input.")
    bench.executor.exit(bench.read(job), 1)
    bench.step()
    ended = bench.read(job)
    assert (ended.state, ended.reason, ended.attempt) == (State.FAILED, Reason.BAD_INPUT, 1)
    assert ended.error_message is not None
    assert "There is no input. To find out more" in ended.error_message
    assert ended.output is not None and ended.output["predictionCount"] == "3"


def test_a_program_that_says_nothing_fails_as_any_other(bench: Bench, said: Said, job: Job) -> None:
    said.say(3)
    bench.executor.exit(bench.read(job), 1)
    bench.step()
    assert (bench.read(job).state, bench.read(job).attempt) == (State.RUNNING, 2)


def test_a_good_end_needs_no_reason(bench: Bench, said: Said, job: Job) -> None:
    """A failure said by an attempt before does not spoil the end of this one."""
    said.say(3, failure="old")
    bench.executor.exit(bench.read(job), 0)
    bench.step()
    assert bench.read(job).state is State.SUCCEEDED
