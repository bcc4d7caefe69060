import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tablecloud.jobs.gcs.crc32c import crc32c


def bit_by_bit(data: bytes) -> int:
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


@pytest.mark.parametrize(
    ("data", "value"),
    [  # RFC 3720, B.4
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (b"123456789", 0xE3069283),
        (b"", 0),
    ],
)
def test_known_values(data, value):
    assert crc32c(data) == value


@pytest.mark.parametrize("size", [255, 256, 257, 511, 512, 513, 5000])
def test_sizes_around_a_piece(size):
    data = hashlib.shake_128(b"seed").digest(size)
    assert crc32c(data) == bit_by_bit(data)


@given(st.binary(max_size=2000), st.integers(0, 2000))
def test_two_parts_are_the_whole(data, cut):
    assert crc32c(data[cut:], crc32c(data[:cut])) == crc32c(data) == bit_by_bit(data)
