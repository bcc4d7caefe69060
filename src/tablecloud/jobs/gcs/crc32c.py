"""CRC-32C (Castagnoli), the checksum of Cloud Storage objects, fast enough in plain Python. Pure.

A message is cut into pieces of 256 bytes that are worked on side by side: byte i of every piece is one
column, and a table look-up in a whole column is one `bytes.translate`. The registers of the pieces are then
joined in order, which is a linear map. About 100 MB/s, where a loop over bytes does 10.
"""

from __future__ import annotations

from functools import cache

_POLYNOMIAL = 0x82F63B78
_PIECE = 256
_BLOCK = 1 << 20
_ONES = 0xFFFFFFFF


def crc32c(data: bytes | memoryview, value: int = 0) -> int:
    """Return the checksum of data that follows data of the checksum `value`, as `zlib.crc32` does."""
    register = value ^ _ONES
    view = memoryview(data)
    for start in range(0, len(view), _BLOCK):
        register = _block(register, bytes(view[start : start + _BLOCK]))
    return register ^ _ONES


def _block(register: int, data: bytes) -> int:
    whole = len(data) - len(data) % _PIECE
    if whole > _PIECE:
        register = _join(register, _side_by_side(data[:whole]))
        data = data[whole:]
    table = _table()
    for byte in data:
        register = table[(register ^ byte) & 0xFF] ^ (register >> 8)
    return register


def _side_by_side(data: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Return the registers of all pieces after a start at 0, as four planes: lowest bytes first."""
    count = len(data) // _PIECE
    planes = _planes()
    first = second = third = fourth = 0
    for column in range(_PIECE):
        index = (first ^ int.from_bytes(data[column::_PIECE], "little")).to_bytes(count, "little")
        first = second ^ int.from_bytes(index.translate(planes[0]), "little")
        second = third ^ int.from_bytes(index.translate(planes[1]), "little")
        third = fourth ^ int.from_bytes(index.translate(planes[2]), "little")
        fourth = int.from_bytes(index.translate(planes[3]), "little")
    a, b, c, d = (plane.to_bytes(count, "little") for plane in (first, second, third, fourth))
    return a, b, c, d


def _join(register: int, planes: tuple[bytes, bytes, bytes, bytes]) -> int:
    """Return the register after all pieces: each time pushed past one piece, then joined with the next."""
    push0, push1, push2, push3 = _push()
    for a, b, c, d in zip(*planes, strict=True):
        register = (
            push0[register & 0xFF]
            ^ push1[register >> 8 & 0xFF]
            ^ push2[register >> 16 & 0xFF]
            ^ push3[register >> 24]
            ^ (a | b << 8 | c << 16 | d << 24)
        )
    return register


@cache
def _table() -> tuple[int, ...]:
    return tuple(map(_shifted_byte, range(256)))


def _shifted_byte(register: int) -> int:
    for _ in range(8):
        register = register >> 1 ^ (_POLYNOMIAL if register & 1 else 0)
    return register


@cache
def _planes() -> tuple[bytes, ...]:
    """Return the table as one table for each of the four bytes of its entries."""
    return tuple(bytes(entry >> shift & 0xFF for entry in _table()) for shift in (0, 8, 16, 24))


@cache
def _push() -> tuple[tuple[int, ...], ...]:
    """Return what 256 zero bytes make of a register, by each of its bytes."""
    return tuple(tuple(_zeros(byte << shift) for byte in range(256)) for shift in (0, 8, 16, 24))


def _zeros(register: int) -> int:
    table = _table()
    for _ in range(_PIECE):
        register = table[register & 0xFF] ^ (register >> 8)
    return register
