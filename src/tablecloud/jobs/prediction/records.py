"""Read the records of a slice: lines of JSON, or payloads of TFRecord files, as texts of one JSON value each.

A record that cannot be one is yielded as a `BadRecord`, so that it costs itself and nothing else. Contract:
ml-jobs-service 3.1, 3.2.
"""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

import msgspec

from tablecloud.jobs.prediction.inputs import Slice, compressed
from tablecloud.jobs.prediction.tfrecord import InputBroken, read_records

LONGEST_LINE = 64 * 2**20
"""Bytes; a file with a longer line is no file of JSON lines."""

_TF_RECORDS = ("TF_RECORD", "TF_RECORD_GZIP")
# Checks the grammar of a value without making it, but for whether its texts are UTF-8.
_SYNTAX = msgspec.json.Decoder(msgspec.Raw)
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRecord:
    """A record that no model can be asked about."""

    message: str
    """Why; the same for all records of the same kind, because errors are counted by it."""


NO_JSON = BadRecord(message="Invalid input: the line is not one JSON value.")
DAMAGED = BadRecord(message="Invalid input: the checksum of the TFRecord is wrong.")

Record = bytes | BadRecord
"""The text of one JSON value, or what stands for a record that is none."""


def divisible(data_format: str) -> bool:
    """Say whether a file of this `dataFormat` can be read from its middle."""
    return data_format != "TF_RECORD_GZIP"


def read_slice(piece: Slice, data_format: str) -> Iterator[Record]:
    """Yield the records of a slice, in order.

    Parameters:
        data_format: as in a PredictionInput; names that end in `.gz` are decompressed in any case.

    Raises:
        InputBroken: the file cannot be read to its end.
    """
    name = piece.name
    packed = data_format == "TF_RECORD_GZIP" or compressed(piece.path)
    try:
        with piece.path.open("rb") as raw:
            file = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if packed else raw
            if data_format in _TF_RECORDS:
                for payload in read_records(file, name, piece.start, piece.end):
                    yield DAMAGED if payload is None else _payload_record(payload)
            else:
                yield from _line_records(file, name, piece)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputBroken(f"{name} is not compressed with gzip, or is damaged: {error}") from error
    except OSError as error:
        raise InputBroken(f"{name} cannot be read: {error.strerror}") from error


def _line_records(file: BinaryIO, name: str, piece: Slice) -> Iterator[Record]:
    for line in _lines(file, name, piece):
        text = line.strip()
        if text:
            yield text if _is_json(text) else NO_JSON


def _lines(file: BinaryIO, name: str, piece: Slice) -> Iterator[bytes]:
    """Yield the lines whose first byte is in the slice."""
    at = piece.start
    if at:
        file.seek(at - 1)
        at += len(file.readline()) - 1  # the end of a line that began before
    while (piece.end is None or at < piece.end) and (line := file.readline(LONGEST_LINE + 1)):
        if len(line) > LONGEST_LINE:
            raise InputBroken(
                f"{name} has a line of more than {LONGEST_LINE} bytes at byte {at}",
                hint="check dataFormat: the file should hold one JSON value a line",
            )
        yield line.removeprefix(_BOM) if at == 0 else line
        at += len(line)


def _payload_record(payload: bytes) -> Record:
    """Return a payload that is JSON as it is, and any other as this API writes bytes in JSON."""
    if _is_json(payload):
        return payload
    return b'{"b64": "' + base64.b64encode(payload) + b'"}'


def _is_json(text: bytes) -> bool:
    try:
        _SYNTAX.decode(text)
        if not text.isascii():
            text.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _is_lax_json(text)
    return True


def _is_lax_json(text: bytes) -> bool:
    """Whether Python's own reader takes it, which knows NaN and Infinity: the models' workers use it."""
    try:
        json.loads(text.decode())
    except (ValueError, RecursionError):
        return False
    return True
