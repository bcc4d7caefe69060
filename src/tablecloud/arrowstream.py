"""Read an Arrow C stream batch by batch with the interpreter lock let go.

DuckDB runs a query on the thread that pulls its stream, and our sources are Python generators inside arro3.
Pulled through arro3's own reader, each believes that the other holds the lock, and the process dies. A
plain foreign call has no such belief. Contract: the Arrow C data, C stream and PyCapsule interfaces.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arro3.core import RecordBatch


class StreamFailed(Exception):
    """The stream ended with an error; the text is the producer's."""


class _Stream(ctypes.Structure):
    """`struct ArrowArrayStream`."""


_Fill = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Stream), ctypes.c_void_p)
_Stream._fields_ = [
    ("get_schema", _Fill),
    ("get_next", _Fill),
    ("get_last_error", ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.POINTER(_Stream))),
    ("release", ctypes.c_void_p),
    ("private_data", ctypes.c_void_p),
]


class _Schema(ctypes.Structure):
    """`struct ArrowSchema`, of which only the size and the last but one field matter here."""

    _fields_ = [
        ("before", ctypes.c_void_p * 7),
        ("release", ctypes.CFUNCTYPE(None, ctypes.c_void_p)),
        ("private_data", ctypes.c_void_p),
    ]


class _Array(ctypes.Structure):
    """`struct ArrowArray`; a null `release` marks the end of the stream."""

    _fields_ = [
        ("counts", ctypes.c_int64 * 5),
        ("pointers", ctypes.c_void_p * 3),
        ("release", ctypes.c_void_p),
        ("private_data", ctypes.c_void_p),
    ]


def _foreign(name: str, result: Any, *arguments: Any) -> Any:
    return ctypes.PYFUNCTYPE(result, *arguments)((name, ctypes.pythonapi))


_pointer_of = _foreign("PyCapsule_GetPointer", ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
_capsule = _foreign("PyCapsule_New", ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)


def read_stream(capsule: object) -> Iterator[RecordBatch]:
    """Yield the batches of an `arrow_array_stream` capsule; the capsule frees the stream when it dies.

    Raises:
        StreamFailed: the producer reported an error.
    """
    from arro3.core import RecordBatch

    stream = ctypes.cast(_pointer_of(capsule, b"arrow_array_stream"), ctypes.POINTER(_Stream))
    schema = _Schema()
    _pull(stream, stream.contents.get_schema, schema)
    try:
        shape = _capsule(ctypes.addressof(schema), b"arrow_schema", None)
        while True:
            array = _Array()
            _pull(stream, stream.contents.get_next, array)
            if not array.release:
                return
            # arro3 moves the array out of the struct and from then on frees it; the schema is only read.
            batch = _capsule(ctypes.addressof(array), b"arrow_array", None)
            yield RecordBatch.from_arrow_pycapsule(shape, batch)
    finally:
        if schema.release:
            schema.release(ctypes.addressof(schema))
        del capsule


def _pull(stream: Any, function: Any, target: ctypes.Structure) -> None:
    if function(stream, ctypes.addressof(target)):
        message = stream.contents.get_last_error(stream)
        raise StreamFailed(message.decode(errors="replace") if message else "the stream failed")
