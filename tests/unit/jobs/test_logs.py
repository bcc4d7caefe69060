from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tablecloud.jobs.executors.shim import output
from tablecloud.jobs.executors.shim.output import SegmentLog
from tablecloud.jobs.logs import JobLog
from tablecloud.jobs.model import LogEntry

UID = "0123456789ab"


def service_line(at: float, message: str) -> LogEntry:
    return LogEntry(at=at, severity="INFO", task="service", message=message)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that the supervisor's lines carry."""
    times = [100.0]
    monkeypatch.setattr(output, "now", lambda: times[-1])
    return times


def segments(root: Path, attempt: int = 1, limit: int = 1 << 20) -> SegmentLog:
    return SegmentLog(str(root / "attempts" / UID / str(attempt) / "log"), limit)


def messages(log: JobLog, after: int = 0) -> list[str]:
    return [entry.message for _, entry in log.read(after)]


def test_an_unknown_job_has_no_lines(tmp_path: Path) -> None:
    assert JobLog(tmp_path, UID).read() == [] == JobLog(tmp_path, UID).tail(5)


def test_service_entries_come_back_as_they_were(tmp_path: Path) -> None:
    log = JobLog(tmp_path, UID)
    entry = LogEntry(
        at=1.5, severity="WARNING", task="service", message="é\nx", fields={"a": 1}, trial_id="2"
    )
    log.append(entry)
    ((_, seen),) = log.read()
    assert seen.insert_id and replace(seen, insert_id="") == entry


def test_both_sides_are_merged_by_time(tmp_path: Path, clock: list[float]) -> None:
    log, written = JobLog(tmp_path, UID), segments(tmp_path)
    log.append(service_line(50, "preparing"))
    written.append("master-replica-0", "I", b"one\ntwo\n")
    log.append(service_line(150, "middle"))
    clock.append(200)
    written.append("master-replica-0", "E", b"three\n")
    log.append(service_line(250, "done"))
    assert messages(log) == ["preparing", "one", "two", "middle", "three", "done"]
    assert [entry.severity for _, entry in log.read()] == ["INFO", "INFO", "INFO", "INFO", "ERROR", "INFO"]


def test_every_cursor_continues_where_it_was(tmp_path: Path, clock: list[float]) -> None:
    log, written = JobLog(tmp_path, UID), segments(tmp_path, limit=800)
    for number in range(5):
        clock.append(100.0 + number)
        written.append("master-replica-0", "I", f"line {number}\n".encode())
        log.append(service_line(100.5 + number, f"service {number}"))
    whole = log.read()
    assert len(whole) == 10
    for place, (cursor, _) in enumerate(whole):
        assert log.read(cursor) == whole[place + 1 :]
        assert log.read(cursor, limit=1) == whole[place + 1 : place + 2]
    assert [cursor for cursor, _ in whole] == sorted({cursor for cursor, _ in whole})
    assert whole[-1][0] < 1 << 63


def test_what_arrives_late_is_not_skipped(tmp_path: Path, clock: list[float]) -> None:
    log, written = JobLog(tmp_path, UID), segments(tmp_path)
    written.append("master-replica-0", "I", b"early\n")
    ((cursor, _),) = log.read()
    log.append(service_line(1, "stamped before, written after"))
    written.append("master-replica-0", "I", b"later\n")
    assert messages(log, cursor) == ["stamped before, written after", "later"]


def test_attempts_follow_each_other(tmp_path: Path, clock: list[float]) -> None:
    log = JobLog(tmp_path, UID)
    for attempt in (1, 2, 10):
        clock.append(clock[-1] + 1)
        segments(tmp_path, attempt).append("master-replica-0", "I", f"attempt {attempt}\n".encode())
    entries = log.read()
    assert [entry.message for _, entry in entries] == ["attempt 1", "attempt 2", "attempt 10"]
    assert messages(log, entries[0][0]) == ["attempt 2", "attempt 10"]


def test_torn_lines_wait_for_their_end(tmp_path: Path, clock: list[float]) -> None:
    log, written = JobLog(tmp_path, UID), segments(tmp_path)
    written.append("master-replica-0", "I", b"whole\n")
    (segment,) = (tmp_path / "attempts" / UID / "1" / "log").iterdir()
    with segment.open("ab") as file:
        file.write(b"101.0 I master-replica-0 to")
        file.flush()
        ((cursor, _),) = log.read()
        assert messages(log, cursor) == []
        file.write(b"rn\n")
    assert messages(log, cursor) == ["torn"]
    with (tmp_path / "attempts" / UID / "service.jsonl").open("w") as file:
        file.write('{"at": 1.0, "sev\n')
        file.write('{"at": 2.0, "severity": "INFO", "task": "service", "message": "next"}\n')
        file.write('{"at"')
    assert messages(log) == ["next", "whole", "torn"]


def test_structured_lines(tmp_path: Path, clock: list[float]) -> None:
    log, written = JobLog(tmp_path, UID), segments(tmp_path)
    lines = [
        {"message": "m", "severity": "warning", "step": 3},
        {"message": "no severity"},
        {"message": "odd", "severity": "loud"},
        {"other": 1},
    ]
    for line in lines:
        written.append("master-replica-0", "I", json.dumps(line).encode() + b"\n")
    written.append("master-replica-0", "E", b'{"message": broken\n[1]\n\xff\xfe\n' + b"[" * 5000 + b"\n")
    seen = [entry for _, entry in log.read()]
    assert (seen[0].message, seen[0].severity, seen[0].fields) == ("m", "WARNING", lines[0])
    assert (seen[1].message, seen[1].severity) == ("no severity", "INFO")
    assert (seen[2].message, seen[2].severity) == ("odd", "INFO")
    assert (seen[3].message, seen[3].fields) == ('{"other": 1}', None)
    assert [entry.message for entry in seen[4:7]] == ['{"message": broken', "[1]", "\ufffd\ufffd"]


def test_long_logs_keep_head_and_tail_and_say_so(tmp_path: Path, clock: list[float]) -> None:
    log, written = JobLog(tmp_path, UID), segments(tmp_path, limit=8000)
    for number in range(1000):
        written.append("master-replica-0", "I", f"line {number:04}\n".encode())
    folder = tmp_path / "attempts" / UID / "1" / "log"
    assert len(list(folder.iterdir())) == output.SEGMENTS_KEPT
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 8000
    whole = log.read()
    texts = [entry.message for _, entry in whole]
    assert (texts[0], texts[-1]) == ("line 0000", "line 0999")
    (gap,) = [place for place, text in enumerate(texts) if "dropped" in text]
    assert whole[gap][1].severity == "WARNING"
    before, after = int(texts[gap - 1][5:]), int(texts[gap + 1][5:])
    lost = (after - before - 1) * len("100.000000 I master-replica-0 line 0000\n")
    assert texts[gap].startswith(f"{lost} bytes of output were dropped")
    assert messages(log, whole[gap - 1][0]) == texts[gap:]
    assert messages(log, whole[gap][0]) == texts[gap + 1 :]
    assert log.tail(3) == [entry for _, entry in whole][-3:]


def test_output_that_could_not_be_written_is_a_gap(tmp_path: Path, clock: list[float]) -> None:
    log, written = JobLog(tmp_path, UID), segments(tmp_path)
    folder = tmp_path / "attempts" / UID / "1" / "log"
    folder.rename(folder.with_name("away"))  # no segment can be made: as with a full disk
    written.append("master-replica-0", "I", b"lost\n")
    folder.with_name("away").rename(folder)
    written.append("master-replica-0", "I", b"kept\n")
    written.finish()
    assert [text.split()[-1] for text in messages(log)] == ["limited.", "kept"]


def test_tail_reaches_back_over_attempts_and_the_service(tmp_path: Path, clock: list[float]) -> None:
    log = JobLog(tmp_path, UID)
    segments(tmp_path, 1).append("master-replica-0", "I", b"a\nb\n")
    clock.append(200)
    segments(tmp_path, 2).append("master-replica-0", "I", b"c\n")
    log.append(service_line(150, "between"))
    assert [entry.message for entry in log.tail(3)] == ["b", "between", "c"]
    assert [entry.message for entry in log.tail(99)] == ["a", "b", "between", "c"]


@pytest.mark.parametrize("count", [1, 7, 500, 1999])
def test_tail_of_a_long_segment_is_exact(tmp_path: Path, clock: list[float], count: int) -> None:
    written = segments(tmp_path)
    block = b"".join(b"line %d %s\n" % (number, b"x" * (number % 300)) for number in range(2000))
    written.append("master-replica-0", "I", block)
    log = JobLog(tmp_path, UID)
    assert log.tail(count) == [entry for _, entry in log.read(limit=5000)][-count:]
