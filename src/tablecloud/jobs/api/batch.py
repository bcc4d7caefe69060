"""The batch endpoint's format: multipart/mixed parts that are HTTP requests in, and HTTP replies out. Pure.

Contract: ml-jobs-service 1.1.
"""

from __future__ import annotations

import secrets
from email.message import Message
from email.parser import BytesParser
from urllib.parse import urlsplit

from tablecloud.jobs.api.calls import HttpReply, HttpRequest
from tablecloud.jobs.wire.errors import invalid

MAX_PARTS = 1000
PATHS = ("/batch", "/batch/ml/v1")


def split_batch(request: HttpRequest) -> list[tuple[str, HttpRequest]]:
    """Return the content id and the request of each part.

    A part without an Authorization header of its own has the batch's.

    Raises:
        ApiError: INVALID_ARGUMENT: not multipart/mixed, no part or too many, or a part that is no request.
    """
    content_type = request.headers.get("content-type", "")
    whole = BytesParser().parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode("latin-1") + request.body)
    parts = whole.get_payload()
    if whole.get_content_type() != "multipart/mixed" or not isinstance(parts, list):
        raise invalid("A batch request must have Content-Type: multipart/mixed with a boundary.")
    if not 1 <= len(parts) <= MAX_PARTS:
        raise invalid(f"A batch request has 1 to {MAX_PARTS} parts; this one has {len(parts)}.")
    return [
        (part.get("Content-ID", ""), _part_request(part, request.headers))
        for part in parts
        if isinstance(part, Message)
    ]


def join_batch(replies: list[tuple[str, HttpReply]]) -> HttpReply:
    """Return the multipart reply to a batch."""
    boundary = f"batch_{secrets.token_urlsafe(12)}"
    chunks = [_part_bytes(boundary, content_id, reply) for content_id, reply in replies]
    body = b"".join(chunks) + f"--{boundary}--\r\n".encode()
    return HttpReply(
        status=200, headers=[("Content-Type", f"multipart/mixed; boundary={boundary}")], body=body
    )


def _part_request(part: Message, outer: dict[str, str]) -> HttpRequest:
    raw = part.get_payload(decode=True)
    if part.get_content_type() != "application/http" or not isinstance(raw, bytes):
        raise invalid("Every part of a batch request must have Content-Type: application/http.")
    line, _, rest = raw.lstrip().partition(b"\n")
    words = line.decode("latin-1").split()
    if len(words) not in (2, 3):
        raise invalid("A part of the batch does not begin with a request line.")
    head, blank, body = rest.partition(b"\r\n\r\n")
    if not blank:
        head, _, body = rest.partition(b"\n\n")
    headers = {
        name.lower(): str(value) for name, value in BytesParser().parsebytes(head, headersonly=True).items()
    }
    if "authorization" in outer:
        headers.setdefault("authorization", outer["authorization"])
    headers.pop("accept-encoding", None)
    # Where a request comes from is what the connection says, whatever a part claims.
    headers |= {name: outer[name] for name in ("host", "origin") if name in outer}
    try:
        url = urlsplit(words[1])
    except ValueError:
        raise invalid("A part of the batch has a URL that is none.") from None
    return HttpRequest(method=words[0], path=url.path, query=url.query, headers=headers, body=body)


def _part_bytes(boundary: str, content_id: str, reply: HttpReply) -> bytes:
    # The client finds the request's id again behind "response-".
    safe = "".join(char for char in content_id if char.isprintable()).replace("<", "<response-", 1)
    lines = [f"--{boundary}", "Content-Type: application/http"]
    lines += [f"Content-ID: {safe}"] if safe else []
    lines += ["", f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in reply.headers]
    lines += [f"Content-Length: {len(reply.body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace") + reply.body + b"\r\n"


_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    429: "Too Many Requests",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
}
