"""Scalars from TensorFlow event files, without TensorFlow: TFRecord framing and three small messages. Pure.

A file is a sequence of records (length, checksum of it, data, checksum of that); each datum is an Event
message. Versions 1 of TensorFlow write a scalar as `simple_value`, later ones as a tensor of one element.
Contract: ml-jobs-service 2.8.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tablecloud.jobs.tuning.metrics import Measurement, usable

MOST_RECORD = 1 << 28
"""Bytes of one record; a longer one is taken for damage."""

_HEAD, _TAIL = 12, 4
_MASK = 0xA282EAD8
_POLYNOMIAL = 0x82F63B78  # CRC-32C, reflected

_WALL_TIME, _STEP, _SUMMARY = 1, 2, 5
_SUMMARY_VALUE = 1
_TAG, _SIMPLE_VALUE, _TENSOR = 1, 2, 8
_TYPE, _CONTENT = 1, 4
_FORMATS = {1: "<f", 2: "<d", 3: "<i", 9: "<q", 19: "<e"}
"""struct formats of the element types: float, double, int32, int64, half."""
_TYPED = {5: "<f", 6: "<d"}
"""Fields that hold packed elements instead of `tensor_content`."""
_INTEGERS = {7, 10}

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class DamagedEvents(ValueError):
    """What follows is no event file; nothing after this place can be read."""


def read_events(data: bytes, tag: str) -> tuple[list[Measurement], int]:
    """Return the measurements of a tag, and how many bytes were whole records.

    Parameters:
        data: of a file, from the beginning of a record on; it may end inside one that is being written.

    Raises:
        DamagedEvents: the very first record is damaged. A later one only ends the reading: the next call
            begins with it.
    """
    found: list[Measurement] = []
    start = 0
    while len(data) - start >= _HEAD:
        size, checksum = struct.unpack_from("<QI", data, start)
        if size > MOST_RECORD or checksum != _masked_crc(data[start : start + 8]):
            if start == 0:
                raise DamagedEvents("the length of a record does not match its checksum")
            break
        end = start + _HEAD + size + _TAIL
        if end > len(data):
            break
        found += _measurements(data[start + _HEAD : end - _TAIL], tag)
        start = end
    return found, start


def record(data: bytes) -> bytes:
    """Return a datum framed as a record of an event file."""
    length = struct.pack("<Q", len(data))
    return b"".join(
        (length, struct.pack("<I", _masked_crc(length)), data, struct.pack("<I", _masked_crc(data)))
    )


def _measurements(event: bytes, tag: str) -> list[Measurement]:
    """Return what one Event says of a tag; nothing where it is malformed."""
    at, step, found = 0.0, 0, []
    try:
        for number, value in _fields(event):
            if number == _WALL_TIME and isinstance(value, bytes):
                [at] = struct.unpack("<d", value)
            elif number == _STEP and isinstance(value, int):
                step = _signed(value)
            elif number == _SUMMARY and isinstance(value, bytes):
                found = [
                    one
                    for part, inner in _fields(value)
                    if part == _SUMMARY_VALUE
                    for one in _scalar(inner, tag)
                ]
    except (struct.error, ValueError):
        return []
    return [Measurement(step=step, at=at, value=value) for value in found if usable(value) and usable(at)]


def _scalar(message: int | bytes, tag: str) -> list[float]:
    """Return the number in a Summary.Value that has the tag."""
    if isinstance(message, int):
        return []
    fields = dict(_fields(message))
    if fields.get(_TAG) != tag.encode():
        return []
    simple, tensor = fields.get(_SIMPLE_VALUE), fields.get(_TENSOR)
    if isinstance(simple, bytes):
        return [struct.unpack("<f", simple)[0]]
    return _tensor(tensor) if isinstance(tensor, bytes) else []


def _tensor(message: bytes) -> list[float]:
    """Return the element of a TensorProto that has one."""
    fields = dict(_fields(message))
    content, kind = fields.get(_CONTENT), fields.get(_TYPE)
    form = _FORMATS.get(kind) if isinstance(kind, int) else None
    if isinstance(content, bytes) and form and len(content) == struct.calcsize(form):
        return [float(struct.unpack(form, content)[0])]
    for number, value in fields.items():
        if isinstance(value, bytes) and number in _TYPED and len(value) == struct.calcsize(_TYPED[number]):
            return [float(struct.unpack(_TYPED[number], value)[0])]
        if number in _INTEGERS:
            whole = value if isinstance(value, int) else _varint(value, 0)[0]
            return [float(_signed(whole))]
    return []


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the fields of a protobuf message: numbers as `int`, everything else as bytes.

    Raises:
        ValueError: it is malformed.
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            size, at = _varint(message, at)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {kind}")
        if at + size > len(message):
            raise ValueError("a field ends after its message")
        yield key >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("a number ends after its message")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number is too long")


def _signed(value: int) -> int:
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
        table.append(byte)
    return tuple(table)


_CRC = _table()


def _masked_crc(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF
