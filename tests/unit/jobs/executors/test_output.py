from __future__ import annotations

import os
from pathlib import Path

import pytest

from tablecloud.jobs.executors.shim import output
from tablecloud.jobs.executors.shim.output import MAX_LINE, SegmentLog, Stream


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "now", lambda: 1.0)


def pumped(folder: Path, *writes: bytes) -> list[bytes]:
    """The lines that writes into a pipe become, and the end of it."""
    log = SegmentLog(str(folder), 1 << 30)
    outside, inside = os.pipe()
    stream = Stream(outside, "t", "I")
    assert stream.pump(log) is None
    for data in writes:
        os.write(inside, data)
        assert stream.pump(log) is True
    os.close(inside)
    assert stream.pump(log) is False
    os.close(outside)
    log.finish()
    written = b"".join(path.read_bytes() for path in sorted(folder.iterdir()))
    return written.splitlines()


def test_lines_are_cut_wherever_the_reads_fall(tmp_path: Path) -> None:
    assert pumped(tmp_path, b"on", b"e\ntwo\n\nth", b"ree") == [
        b"1.000000 I t one",
        b"1.000000 I t two",
        b"1.000000 I t ",
        b"1.000000 I t three",
    ]


def test_a_line_without_end_is_cut(tmp_path: Path) -> None:
    half = b"x" * (MAX_LINE // 2)
    lines = pumped(tmp_path, half, half, half, b"\n")
    assert [len(line) - len(b"1.000000 I t ") for line in lines] == [MAX_LINE, MAX_LINE // 2]


def test_the_last_line_is_remembered(tmp_path: Path) -> None:
    log = SegmentLog(str(tmp_path), 1000)
    outside, inside = os.pipe()
    stream = Stream(outside, "t", "E")
    os.write(inside, b"one\ntwo\n\n")
    stream.pump(log)
    assert stream.last_line == b"two"
    os.close(inside)
    os.close(outside)
    log.finish()


def test_sentences_of_several_lines_keep_their_head(tmp_path: Path) -> None:
    log = SegmentLog(str(tmp_path), 1000)
    log.say("service", "a\nb", "W")
    log.finish()
    (segment,) = tmp_path.iterdir()
    assert segment.name == "0000000000000000.log"
    assert segment.read_text() == "1.000000 W service a\n1.000000 W service b\n"
