from __future__ import annotations

import random

import pytest

from tablecloud.jobs.prediction.crc32c import crc32c, masked, plain_crc32c


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),  # this and the next three: RFC 3720, B.4
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_known_values(data: bytes, value: int) -> None:
    assert plain_crc32c(data) == value
    assert crc32c(data) == value


def bit_by_bit(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_every_length_agrees_with_the_definition() -> None:
    source = random.Random(3)
    for length in range(70):
        data = source.randbytes(length)
        assert plain_crc32c(data) == bit_by_bit(data)


def test_masked_as_tensorflow_writes_it() -> None:
    # The length 24 of a record, and the checksum that TensorFlow's writer gives an event file's first record.
    assert masked((24).to_bytes(8, "little")) == int.from_bytes(bytes.fromhex("a37f4b22"), "little")
