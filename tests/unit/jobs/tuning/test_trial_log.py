"""The logs of trials in the log of their job: nothing lost, nothing doubled, whatever crashes."""

from __future__ import annotations

import random
from pathlib import Path

from tablecloud.jobs.executors.shim.output import SegmentLog
from tablecloud.jobs.logs import JobLog
from tablecloud.jobs.tuning.trial_log import TrialLog


def said(root: Path) -> list[tuple[str | None, str, str]]:
    return [(entry.trial_id, entry.task, entry.message) for _, entry in JobLog(root, "u").read(0, 10_000)]


def test_lines_say_which_trial_they_are_from(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    first, second = SegmentLog(str(one / "log"), 1 << 20), SegmentLog(str(two / "log"), 1 << 20)
    log = TrialLog(tmp_path / "attempts" / "u" / "1")
    first.say("master-replica-0", "a\nb with spaces # and @")
    second.say("service", "installing", "E")
    log.collect(1, 1, one)
    log.collect(2, 1, two)
    first.append("master-replica-0", "I", b"bar\rbar\n")
    log.collect(1, 1, one)
    log.collect(1, 1, one)
    assert said(tmp_path) == [
        ("1", "master-replica-0", "a"),
        ("1", "master-replica-0", "b with spaces # and @"),
        ("2", "service", "installing"),
        ("1", "master-replica-0", "bar\rbar"),
    ]


def test_a_reader_goes_on_where_it_was(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    logs = [SegmentLog(str(one / "log"), 1 << 20), SegmentLog(str(two / "log"), 1 << 20)]
    merged, reader = TrialLog(tmp_path / "attempts" / "u" / "1"), JobLog(tmp_path, "u")
    found, cursor = [], 0
    for number in range(20):
        logs[number % 2].say("master-replica-0", f"line {number}")
        for trial, folder in ((1, one), (2, two)):
            merged.collect(trial, 1, folder)
        new = reader.read(cursor)
        found += [entry.message for _, entry in new]
        cursor = new[-1][0] if new else cursor
    assert found == [f"line {number}" for number in range(20)]


def test_a_crash_loses_and_doubles_nothing(tmp_path: Path) -> None:
    generator = random.Random(5)
    folders = [tmp_path / "one", tmp_path / "two"]
    logs = [SegmentLog(str(folder / "log"), 400_000) for folder in folders]
    home = tmp_path / "attempts" / "u" / "1"
    merged, written = TrialLog(home), 0
    for _ in range(60):
        for _ in range(generator.randrange(5)):
            logs[written % 2].say("master-replica-0", f"line {written}")
            written += 1
        for trial, folder in enumerate(folders, start=1):
            merged.collect(trial, 1, folder)
        if generator.random() < 0.3:
            # The service dies, perhaps in the middle of a line.
            for path in (home / "log").glob("*.log"):
                data = path.read_bytes()
                path.write_bytes(data[: len(data) - generator.randrange(min(40, len(data) + 1))])
            merged = TrialLog(home)
    for trial, folder in enumerate(folders, start=1):
        merged.collect(trial, 1, folder)
    assert sorted(message for _, _, message in said(tmp_path)) == sorted(f"line {n}" for n in range(written))


def test_segments_that_were_dropped_are_passed_over(tmp_path: Path) -> None:
    source = SegmentLog(str(tmp_path / "one" / "log"), 800)
    merged = TrialLog(tmp_path / "attempts" / "u" / "1")
    for number in range(100):
        source.say("master-replica-0", f"line {number}")
    merged.collect(1, 1, tmp_path / "one")
    found = [message for _, _, message in said(tmp_path)]
    assert found[0] == "line 0" and found[-1] == "line 99" and len(found) < 100
    merged.drop(tmp_path / "one")
    assert not (tmp_path / "one" / "log").exists()
    merged.collect(1, 1, tmp_path / "one")
    assert [message for _, _, message in said(tmp_path)] == found
