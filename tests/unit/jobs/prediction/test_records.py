from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tablecloud.jobs.prediction import records
from tablecloud.jobs.prediction.inputs import InputFile, Slice, shards
from tablecloud.jobs.prediction.records import DAMAGED, NO_JSON, Record, read_slice
from tablecloud.jobs.prediction.tfrecord import InputBroken, masked


def framed(payload: bytes) -> bytes:
    head = struct.pack("<Q", len(payload))
    return head + struct.pack("<I", masked(head)) + payload + struct.pack("<I", masked(payload))


def read(path: Path, data_format: str = "JSON") -> list[Record]:
    return list(read_slice(Slice(path=path, name=str(path), start=0, end=None), data_format))


def written(folder: Path, content: bytes, name: str = "in.json") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_lines(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbf[1]\r\n\r\n  \n{"a": 2}\nnull\n"last"'
    for data_format in ("JSON", "TEXT", "DATA_FORMAT_UNSPECIFIED"):
        assert read(written(tmp_path, content), data_format) == [b"[1]", b'{"a": 2}', b"null", b'"last"']


@pytest.mark.parametrize(
    "line", [b"{", b"[1] [2]", b'1], "x": [2', b"hello", b"\xff\xfe", b'"\xff"', b"[" * 100_000, b"'a'"]
)
def test_what_is_not_one_value_is_a_bad_record(tmp_path: Path, line: bytes) -> None:
    assert read(written(tmp_path, b"1\n" + line + b"\n2\n")) == [b"1", NO_JSON, b"2"]


def test_what_python_writes_as_json_is_read(tmp_path: Path) -> None:
    lines = [json.dumps([float("nan"), float("inf")]).encode(), json.dumps({"a": "é\n"}).encode()]
    assert read(written(tmp_path, b"\n".join(lines))) == lines


def test_gzip_lines_by_name(tmp_path: Path) -> None:
    assert read(written(tmp_path, gzip.compress(b"[1]\n[2]\n"), "in.json.gz")) == [b"[1]", b"[2]"]


@pytest.mark.parametrize("content", [b"[1]\n", gzip.compress(b"[1]\n" * 1000)[:-9], b"\x1f\x8b\x08\0broken"])
def test_damaged_gzip_is_told(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputBroken, match=r"in\.json\.gz is not compressed with gzip, or is damaged"):
        read(written(tmp_path, content, "in.json.gz"))


def test_a_line_without_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "LONGEST_LINE", 10)
    assert read(written(tmp_path, b"123456789\n1234567890")) == [b"123456789", b"1234567890"]
    with pytest.raises(InputBroken, match="a line of more than 10 bytes at byte 2"):
        read(written(tmp_path, b"1\n12345678901"))


def test_a_file_that_vanished_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputBroken, match="cannot be read: No such file"):
        read(tmp_path / "gone")


def test_masked_as_tensorflow_writes_it() -> None:
    # The length 24 of a record, and the checksum that TensorFlow's writer gives an event file's first record.
    assert masked((24).to_bytes(8, "little")) == int.from_bytes(bytes.fromhex("a37f4b22"), "little")


def test_tf_records(tmp_path: Path) -> None:
    payloads = [b"[1, 2]", b"\x0a\x03\xff\x00\x01", b""]
    content = b"".join(map(framed, payloads))
    expected = [b"[1, 2]", b'{"b64": "CgP/AAE="}', b'{"b64": ""}']
    assert read(written(tmp_path, content), "TF_RECORD") == expected
    assert read(written(tmp_path, gzip.compress(content)), "TF_RECORD_GZIP") == expected
    assert read(written(tmp_path, b""), "TF_RECORD") == []


def test_a_damaged_payload_costs_one_record(tmp_path: Path) -> None:
    bad = bytearray(framed(b"[2]"))
    bad[12] ^= 1
    content = framed(b"[1]") + bytes(bad) + framed(b"[3]")
    assert read(written(tmp_path, content), "TF_RECORD") == [b"[1]", DAMAGED, b"[3]"]


@pytest.mark.parametrize("cut", [1, 4, 8, 13, 14, 16, 18])
def test_a_torn_record_is_told(tmp_path: Path, cut: int) -> None:
    whole = framed(b"[1]")
    assert len(whole) == 19
    with pytest.raises(InputBroken, match="ends inside the record at byte 19"):
        read(written(tmp_path, whole + whole[:cut]), "TF_RECORD")


def test_a_damaged_length_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputBroken, match="is no TFRecord file, or is damaged") as caught:
        read(written(tmp_path, b"[1, 2, 3, 4, 5]\n" * 3), "TF_RECORD")
    assert "dataFormat" in (caught.value.hint or "")


@given(
    lines=st.lists(
        st.lists(st.binary(max_size=12).map(lambda line: line.hex().encode()), max_size=8), max_size=3
    ),
    count=st.integers(1, 9),
    framing=st.sampled_from(["lines", "records"]),
)
def test_every_record_is_in_one_slice(
    tmp_path_factory: pytest.TempPathFactory, lines: list[list[bytes]], count: int, framing: str
) -> None:
    """Whatever the cut, the shards together hold what the files hold, in order."""
    folder = tmp_path_factory.mktemp("in")
    texts = [[b'"' + line + b'"' for line in file] for file in lines]
    join = b"\n".join if framing == "lines" else lambda file: b"".join(map(framed, file))
    files = []
    for number, file in enumerate(texts):
        path = written(folder, join(file), f"{number}.json")
        files.append(InputFile(path=path, size=path.stat().st_size, name=path.name))
    kind = "JSON" if framing == "lines" else "TF_RECORD"
    pieces = shards(files, count, divisible=True)
    assert len(pieces) == count
    found = [record for shard in pieces for piece in shard for record in read_slice(piece, kind)]
    assert found == [text for file in texts for text in file]
