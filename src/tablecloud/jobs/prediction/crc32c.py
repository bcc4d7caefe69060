"""The Castagnoli checksum of TFRecord files, in plain Python.

Eight bytes a step ("slicing by eight"), with tables that are made on first use. Where the `google_crc32c`
package is installed its compiled code does the same. Contract: RFC 3720, appendix B.4.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache

_POLYNOMIAL = 0x82F63B78
_MASK_DELTA = 0xA282EAD8
_WORD = 0xFFFFFFFF


def crc32c(data: bytes) -> int:
    """Return the checksum of some bytes."""
    return _implementation()(data)


def masked(data: bytes) -> int:
    """Return the checksum as TFRecord stores it: rotated and shifted, so that sums of sums stay good."""
    value = crc32c(data)
    return (((value >> 15) | (value << 17)) + _MASK_DELTA) & _WORD


def plain_crc32c(data: bytes) -> int:
    """Return the checksum without any package's help."""
    t0, t1, t2, t3, t4, t5, t6, t7 = _tables()
    crc = _WORD
    whole = len(data) & ~7
    for at in range(0, whole, 8):
        crc ^= int.from_bytes(data[at : at + 4], "little")
        crc = (
            t7[crc & 255]
            ^ t6[crc >> 8 & 255]
            ^ t5[crc >> 16 & 255]
            ^ t4[crc >> 24]
            ^ t3[data[at + 4]]
            ^ t2[data[at + 5]]
            ^ t1[data[at + 6]]
            ^ t0[data[at + 7]]
        )
    for byte in data[whole:]:
        crc = t0[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ _WORD


@cache
def _implementation() -> Callable[[bytes], int]:
    try:
        found: Callable[[bytes], int] = importlib.import_module("google_crc32c").value
    except (ImportError, AttributeError):
        return plain_crc32c
    return found


@cache
def _tables() -> list[list[int]]:
    first = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        first.append(value)
    tables = [first]
    for _ in range(7):
        tables.append([first[value & 255] ^ value >> 8 for value in tables[-1]])
    return tables
