"""The two ways a trial reports: the hypertune file, and TensorFlow event files."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tablecloud.jobs.tuning import sources
from tablecloud.jobs.tuning.events import DamagedEvents, read_events, record
from tablecloud.jobs.tuning.metrics import Measurement, read_hypertune
from tablecloud.jobs.tuning.sources import MetricSource

TAG = "epoch accuracy"


def line(value: Any, step: Any = "10", at: Any = 1795479481.25, tag: str = TAG) -> str:
    # The order and the types of cloudml-hypertune 0.1.0.dev6.
    entry = {"checkpoint_path": "", "global_step": step, tag: value, "timestamp": at, "trial": "3"}
    return json.dumps(entry)


def field(number: int, kind: int, data: bytes) -> bytes:
    key = varint(number << 3 | kind)
    return key + (varint(len(data)) + data if kind == 2 else data)


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def event(value: bytes, step: int = 7, at: float = 5.5) -> bytes:
    """An Event with one Summary.Value."""
    return field(1, 1, struct.pack("<d", at)) + field(2, 0, varint(step)) + field(5, 2, field(1, 2, value))


def tagged(tag: str, rest: bytes) -> bytes:
    return field(1, 2, tag.encode()) + rest


def simple(value: float, tag: str = TAG) -> bytes:
    return tagged(tag, field(2, 5, struct.pack("<f", value)))


def tensor(kind: int, content: bytes) -> bytes:
    return tagged(TAG, field(8, 2, field(1, 0, varint(kind)) + content) + field(9, 2, b"scalars"))


class TestHypertune:
    def test_a_file_as_the_client_writes_it(self) -> None:
        data = "\n".join(
            [line("0.5", "10"), line("0.25", "20"), line("0.75", "30", tag="other"), ""]
        ).encode()
        assert read_hypertune(data, TAG) == [
            Measurement(step=10, at=1795479481.25, value=0.5),
            Measurement(step=20, at=1795479481.25, value=0.25),
        ]

    @pytest.mark.parametrize("value", ["nan", "inf", "-Infinity", "soon", None, [1], ""])
    def test_values_that_cannot_be_compared_are_left_out(self, value: Any) -> None:
        assert read_hypertune(line(value).encode(), TAG) == []

    @pytest.mark.parametrize("step", ["many", "1e400", [1], "nan", 1 << 70])
    def test_so_are_steps_that_are_none(self, step: Any) -> None:
        assert read_hypertune(line("1.0", step).encode(), TAG) == []

    def test_steps_are_read_as_numbers(self) -> None:
        found = read_hypertune("\n".join([line(0.5, "10.0"), line(1, None), line("2", 3)]).encode(), TAG)
        assert [(one.step, one.value) for one in found] == [(10, 0.5), (0, 1.0), (3, 2.0)]

    @given(st.binary())
    def test_nothing_in_the_file_is_an_error(self, data: bytes) -> None:
        assert read_hypertune(data, TAG) == []

    @given(st.integers(0, 200))
    def test_a_torn_read_loses_the_torn_line_only(self, cut: int) -> None:
        data = "\n".join(line(str(n), str(n)) for n in range(3)).encode() + b"\n"
        found = read_hypertune(data[: len(data) - cut], TAG)
        assert found == read_hypertune(data, TAG)[: len(found)]


class TestEvents:
    def test_the_framing_is_tensorflows(self) -> None:
        # The checksums of the length 24, as any event file that begins with its version has them.
        assert record(bytes(24))[:12] == bytes.fromhex("1800000000000000a37f4b22")

    @pytest.mark.parametrize(
        ("value", "number"),
        [
            (simple(0.5), 0.5),
            (tensor(1, field(4, 2, struct.pack("<f", 0.25))), 0.25),
            (tensor(2, field(4, 2, struct.pack("<d", 0.1))), 0.1),
            (tensor(1, field(5, 2, struct.pack("<f", 2.0))), 2.0),
            (tensor(1, field(5, 5, struct.pack("<f", 3.0))), 3.0),
            (tensor(2, field(6, 1, struct.pack("<d", 4.0))), 4.0),
            (tensor(3, field(7, 0, varint(-5))), -5.0),
            (tensor(9, field(10, 2, varint(6))), 6.0),
            (tensor(19, field(4, 2, struct.pack("<e", 1.5))), 1.5),
        ],
    )
    def test_every_way_to_write_a_scalar(self, value: bytes, number: float) -> None:
        data = record(field(3, 2, b"brain.Event:2")) + record(event(value, step=-1))
        found, used = read_events(data, TAG)
        assert found == [Measurement(step=-1, at=5.5, value=number)]
        assert used == len(data)

    @pytest.mark.parametrize(
        "value",
        [
            simple(0.5, tag="other"),
            simple(float("nan")),
            tensor(1, field(4, 2, b"12345678")),
            tensor(7, field(8, 2, b"text")),
            tagged(TAG, b""),
            tagged(TAG, b"\x12\xff"),
        ],
    )
    def test_what_is_no_scalar_of_the_tag(self, value: bytes) -> None:
        assert read_events(record(event(value)), TAG)[0] == []

    def test_a_record_that_is_being_written_is_read_later(self) -> None:
        first, second = record(event(simple(1.0), 1)), record(event(simple(2.0), 2))
        for cut in range(1, len(second)):
            found, used = read_events(first + second[:cut], TAG)
            assert ([one.step for one in found], used) == ([1], len(first))

    def test_damage_ends_the_reading(self) -> None:
        good, bad = record(event(simple(1.0))), b"\x01" * 40
        assert read_events(good + bad, TAG)[1] == len(good)
        with pytest.raises(DamagedEvents):
            read_events(bad, TAG)
        short = record(b"abc")
        with pytest.raises(DamagedEvents):
            read_events(short[:8] + b"\0" + short[9:], TAG)
        huge = record(b"")
        with pytest.raises(DamagedEvents):
            read_events(b"\xff" * 8 + huge[8:], TAG)

    @given(st.binary(max_size=200))
    def test_no_message_is_an_error(self, data: bytes) -> None:
        found, used = read_events(record(data), TAG)
        assert (found, used) == ([], len(data) + 16)


class TestSource:
    def source(self, tmp_path: Path, folder: bool = True) -> MetricSource:
        return MetricSource(
            file=tmp_path / "output.metrics", folder=tmp_path / "job" if folder else None, tag=TAG
        )

    def test_a_rewritten_file_gives_what_is_new(self, tmp_path: Path) -> None:
        source = self.source(tmp_path, folder=False)
        assert source.read() == []
        lines = [line(str(n), str(n)) for n in range(3)]
        (tmp_path / "output.metrics").write_text("\n".join(lines[:2]) + "\n")
        assert [one.step for one in source.read()] == [0, 1]
        assert source.read() == []
        (tmp_path / "output.metrics").write_text("\n".join(lines[1:]) + "\n")
        assert [one.step for one in source.read()] == [2]

    def test_event_files_at_any_depth_are_read_on(self, tmp_path: Path) -> None:
        source = self.source(tmp_path)
        path = tmp_path / "job" / "a" / "b" / "events.out.tfevents.1.host"
        path.parent.mkdir(parents=True)
        data = record(event(simple(1.0), 1)) + record(event(simple(2.0), 2))
        path.write_bytes(data[:-3])
        assert [one.step for one in source.read()] == [1]
        path.write_bytes(data + record(event(simple(3.0), 3)))
        assert source.read(events=False) == []
        assert [one.step for one in source.read()] == [2, 3]

    def test_records_longer_than_a_block(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sources, "_BLOCK", 64)
        source = self.source(tmp_path)
        (tmp_path / "job").mkdir()
        long = record(field(5, 2, bytes(9000)))
        data = b"".join([record(event(simple(1.0), 1)), long, record(event(simple(2.0), 2)), long])
        (tmp_path / "job" / "x.tfevents").write_bytes(data)
        assert [one.step for one in source.read()] == [1, 2]

    def test_what_is_no_plain_file_is_left_alone(self, tmp_path: Path) -> None:
        source = self.source(tmp_path)
        (tmp_path / "job").mkdir()
        os.mkfifo(tmp_path / "job" / "x.tfevents")
        os.mkfifo(tmp_path / "output.metrics")
        (tmp_path / "job" / "tfevents").mkdir()
        (tmp_path / "job" / "y.tfevents").symlink_to("/nowhere")
        (tmp_path / "job" / "z.tfevents").write_bytes(b"junk" * 10)
        assert source.read() == []
        assert source.read() == []
