"""What storage requests hold beside path and JSON: ranges, checksums, multipart bodies, conditions. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.parser import BytesParser
from typing import Any

import msgspec

from tablecloud.jobs.gcs.model import Conditions, Refusal

_RANGE = re.compile(r"bytes=(\d*)-(\d*)\Z")
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)\Z")
_BLANK_LINE = re.compile(rb"(?:\A|\r?\n)\r?\n")
MAX_HEAD = 256 * 1024
"""Bytes in which the first part of a multipart body, the object's description, must lie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What a `Content-Range` says of a body."""

    start: int | None
    """Offset of its first byte; None where it has none and only asks how far the upload is."""
    total: int | None
    """Of the whole upload; None where that is not known yet."""


def read_range(header: str, size: int) -> tuple[int, int] | None:
    """Return first offset and offset behind the last of a `Range`; None where all is wanted.

    Raises:
        Refusal: 416.
    """
    match = _RANGE.match(header)
    if match is None or match.groups() == ("", ""):
        return None  # several ranges, or another unit: answering with everything is allowed
    first, last = match.groups()
    start = int(first) if first else max(size - int(last), 0)
    end = size if not first or not last else min(int(last) + 1, size)
    if start >= size or end <= start:
        raise Refusal(416, f"The range {header} cannot be satisfied: the object has {size} bytes.")
    return start, end


def read_content_range(header: str) -> Block:
    """Return what a `Content-Range` says; without one the body is the whole upload.

    Raises:
        Refusal: 400.
    """
    if not header:
        return Block(start=0, total=None)
    match = _CONTENT_RANGE.match(header)
    if match is None:
        raise Refusal(400, f"Content-Range: {header[:80]} is not understood.")
    first, _, total = match.groups()
    return Block(start=None if first is None else int(first), total=None if total == "*" else int(total))


def read_hashes(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the checksums that `X-Goog-Hash` and `Content-MD5` name, under their names in a resource."""
    found: dict[str, str] = {}
    for part in headers.get("x-goog-hash", "").split(","):
        name, _, value = part.strip().partition("=")
        if name in ("crc32c", "md5"):
            found["md5Hash" if name == "md5" else name] = value
    if "content-md5" in headers:
        found["md5Hash"] = headers["content-md5"]
    return found


def read_conditions(query: Mapping[str, str], *, source: bool = False) -> Conditions:
    """Return the preconditions of a request, of its source with `source`.

    Raises:
        Refusal: 400: one is no number.
    """
    stem = "ifSource" if source else "if"

    def number(name: str) -> int | None:
        return read_number(query, f"{stem}{name}")

    return Conditions(
        generation=number("GenerationMatch"),
        generation_not=number("GenerationNotMatch"),
        metageneration=number("MetagenerationMatch"),
        metageneration_not=number("MetagenerationNotMatch"),
    )


def read_number(query: Mapping[str, str], name: str) -> int | None:
    """Return a parameter that is a number; None where it is absent.

    Raises:
        Refusal: 400.
    """
    text = query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise Refusal(400, f"The parameter {name} wants a number, not {text[:40]!r}.")
    return int(text)


def read_json(body: bytes) -> dict[str, Any]:
    """Return a body that is a JSON object, or nothing.

    Raises:
        Refusal: 400.
    """
    if not body.strip():
        return {}
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refusal(400, "The body is not a JSON object.") from None


def boundary_of(content_type: str) -> bytes:
    """Return the line that parts a multipart body, without its line end.

    Raises:
        Refusal: 400.
    """
    message = BytesParser().parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace"))
    boundary = message.get_boundary()
    if message.get_content_maintype() != "multipart" or not boundary:
        raise Refusal(400, "A multipart upload must have Content-Type: multipart/related with a boundary.")
    return b"--" + boundary.encode("latin-1", "replace")


def split_multipart(
    head: bytes, tail: bytes, size: int, boundary: bytes
) -> tuple[dict[str, Any], str, int, int]:
    """Return what a multipart upload says of its object, its media type, and its content's start and end.

    Parameters:
        head: the first bytes of the body, MAX_HEAD of them or all.
        tail: its last bytes, at least as long as the closing boundary.
        size: of the whole body.

    Raises:
        Refusal: 400.
    """
    first = head.find(boundary)
    fields_at = head.find(b"\n", first) + 1
    second = head.find(b"\n" + boundary, fields_at)
    media_at = head.find(b"\n", second + 1) + 1
    closing = tail.rfind(b"\n" + boundary + b"--")
    if first < 0 or fields_at == 0 or second < 0 or media_at == 0 or closing < 0:
        raise Refusal(400, "A multipart upload has two parts: the object's description, then its content.")
    _, description = _headers(head[fields_at:second])
    media_type, rest = _headers(head[media_at:])
    start = len(head) - len(rest)
    end = size - len(tail) + closing
    # The line end before the closing boundary belongs to it.
    if tail[closing - 1 : closing] == b"\r":
        end -= 1
    return read_json(description), media_type, start, max(start, end)


def _headers(part: bytes) -> tuple[str, bytes]:
    """Return the media type of a part, and what follows its headers."""
    blank = _BLANK_LINE.search(part)
    if blank is None:
        raise Refusal(400, "A part of the multipart upload has no end of its headers.")
    message = BytesParser().parsebytes(part[: blank.start()], headersonly=True)
    return str(message.get("Content-Type", "")), part[blank.end() :]
