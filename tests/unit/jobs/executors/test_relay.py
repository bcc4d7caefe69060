from __future__ import annotations

from pathlib import Path

import pytest

from tablecloud.jobs.executors import relay as relay_module
from tablecloud.jobs.executors.relay import JOURNAL, relay
from tablecloud.jobs.executors.shim.output import SegmentLog
from tablecloud.jobs.logs import JobLog

LIMIT = 1 << 20


class Attempt:
    """The folders of one attempt whose replicas wrote something."""

    def __init__(self, root: Path, *names: str, limit: int = LIMIT) -> None:
        self.root = root
        self.limit = limit
        self.home = root / "attempts" / "u" / "1"
        self.sources = {name: self.home / "replicas" / name for name in names}
        self.logs = {name: SegmentLog(str(folder / "log"), limit) for name, folder in self.sources.items()}

    def relay(self, *, complete: bool = False) -> None:
        relay(self.home, self.sources, limit=self.limit, complete=complete)

    def lines(self) -> list[str]:
        return [entry.message for _, entry in JobLog(self.root, "u").read(limit=1_000_000)]


def test_lines_of_all_replicas_arrive_once(tmp_path: Path) -> None:
    attempt = Attempt(tmp_path, "a", "b")
    for number in range(3):
        attempt.logs["a"].say("a", f"a{number}")
        attempt.logs["b"].say("b", f"b{number}")
        attempt.relay()
        attempt.relay()
    assert attempt.lines() == ["a0", "b0", "a1", "b1", "a2", "b2"]


def test_a_line_that_is_not_whole_waits(tmp_path: Path) -> None:
    attempt = Attempt(tmp_path, "a")
    attempt.logs["a"].say("a", "whole")
    [segment] = (attempt.sources["a"] / "log").iterdir()
    with segment.open("ab") as file:
        file.write(b"1.0 I a to")
    attempt.relay()
    assert attempt.lines() == ["whole"]
    with segment.open("ab") as file:
        file.write(b"rn\n")
    attempt.relay(complete=True)
    assert attempt.lines() == ["whole", "torn"]


@pytest.mark.parametrize("kept", [0, 1, 7, 10_000])
def test_a_crash_while_appending_doubles_and_loses_nothing(tmp_path: Path, kept: int) -> None:
    attempt = Attempt(tmp_path, "a", "b")
    attempt.logs["a"].say("a", "before")
    attempt.relay()
    [segment] = (attempt.home / "log").iterdir()
    before = segment.stat().st_size
    attempt.logs["a"].say("a", "first")
    attempt.logs["b"].say("b", "second")
    attempt.relay()
    # As if the server had died when only a part of the batch was on disk.
    with segment.open("r+b") as file:
        file.truncate(min(before + kept, segment.stat().st_size))
    attempt.logs["a"].say("a", "third")
    attempt.relay()
    assert attempt.lines() == ["before", "first", "second", "third"]


def test_a_crash_between_plan_and_append_doubles_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = Attempt(tmp_path, "a")
    attempt.logs["a"].say("a", "one")
    with monkeypatch.context() as patched:
        patched.setattr(relay_module, "_append", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
        with pytest.raises(OSError, match="full"):
            attempt.relay()
    assert (attempt.home / JOURNAL).exists() and attempt.lines() == []
    attempt.relay()
    assert attempt.lines() == ["one"]


def test_the_log_is_bounded_and_says_what_is_missing(tmp_path: Path) -> None:
    attempt = Attempt(tmp_path, "a", limit=8 << 10)
    for number in range(1000):
        attempt.logs["a"].say("a", f"{number} {'x' * 40}")
        if number % 10 == 0:
            attempt.relay()
    attempt.relay(complete=True)
    lines = attempt.lines()
    assert lines[0].startswith("0 ") and lines[-1].startswith("999 ")
    assert sum("dropped" in line for line in lines) == 1
    assert sum(path.stat().st_size for path in (attempt.home / "log").iterdir()) <= (8 << 10) + 1024


def test_output_dropped_before_it_was_read_is_told(tmp_path: Path) -> None:
    attempt = Attempt(tmp_path, "a", limit=8 << 10)
    for number in range(1000):
        attempt.logs["a"].say("a", f"{number} {'x' * 40}")
    attempt.limit = LIMIT
    attempt.relay(complete=True)
    lines = attempt.lines()
    assert sum("bytes of output of a were dropped" in line for line in lines) == 1
    assert lines[-1].startswith("999 ")


def test_nothing_to_relay_writes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "attempts" / "u" / "1"
    relay(home, {"a": home / "replicas" / "a"}, limit=LIMIT, complete=True)
    assert not home.exists()
