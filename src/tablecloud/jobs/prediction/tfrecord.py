"""Read TFRecord files, whose records carry checksums of their own.

A record is its length (8 bytes, little-endian), the length's masked checksum (4), the payload, the payload's
masked checksum (4). Contract: TensorFlow's `tf.data.TFRecordDataset` format.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from tablecloud.errors import JobError
from tablecloud.jobs.gcs.crc32c import crc32c

LONGEST_RECORD = 256 * 2**20
"""Bytes; a longer one is taken for damage."""

_MASK_DELTA = 0xA282EAD8
_HEAD = struct.Struct("<QI")
_FOOT = struct.Struct("<I")


class InputBroken(JobError):
    """An input that cannot be read on, so that what follows the damage would be lost."""


def read_records(file: BinaryIO, name: str, start: int, end: int | None) -> Iterator[bytes | None]:
    """Yield the payloads of the records that begin in a range of a file; None for one that is damaged.

    Parameters:
        file: at its beginning; payloads outside the range are passed over by seeking.
        name: for messages.
        start: offset of the first byte of the range.
        end: offset behind the range; None is the end of the file.

    Raises:
        InputBroken: a length is damaged or the file ends inside a record.
    """
    offset = 0
    while end is None or offset < end:
        head = file.read(_HEAD.size)
        if not head:
            return
        length = _length(head, name, offset)
        if offset < start:
            file.seek(length + _FOOT.size, 1)
        else:
            yield _payload(file, length, name, offset)
        offset += _HEAD.size + length + _FOOT.size


def masked(data: bytes) -> int:
    """Return the checksum of some bytes as the format stores it: rotated and shifted."""
    value = crc32c(data)
    return (((value >> 15) | (value << 17)) + _MASK_DELTA) & 0xFFFFFFFF


def _length(head: bytes, name: str, offset: int) -> int:
    if len(head) < _HEAD.size:
        raise _torn(name, offset)
    length, checksum = _HEAD.unpack(head)
    if masked(head[:8]) != checksum or length > LONGEST_RECORD:
        raise InputBroken(
            f"{name} is no TFRecord file, or is damaged: the length of the record at byte {offset} is wrong",
            hint="check dataFormat: JSON for lines of text, TF_RECORD_GZIP for compressed records",
        )
    return int(length)


def _payload(file: BinaryIO, length: int, name: str, offset: int) -> bytes | None:
    payload, foot = file.read(length), file.read(_FOOT.size)
    if len(payload) < length or len(foot) < _FOOT.size:
        raise _torn(name, offset)
    [checksum] = _FOOT.unpack(foot)
    return payload if masked(payload) == checksum else None


def _torn(name: str, offset: int) -> InputBroken:
    return InputBroken(f"{name} ends inside the record at byte {offset}", hint="write the file again")
