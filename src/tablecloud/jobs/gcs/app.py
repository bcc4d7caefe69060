"""The storage face over HTTP: lets callers in, streams bodies to and from disk, answers with JSON.

Paths are those of the JSON API, and GET or HEAD of `/<bucket>/<object>` as in the XML API.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, MutableMapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, BinaryIO

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from tablecloud.jobs.api.batch import join_batch, split_batch
from tablecloud.jobs.api.calls import Api, HttpReply, HttpRequest
from tablecloud.jobs.gcs.access import admit
from tablecloud.jobs.gcs.documents import error_document, etag, hash_header
from tablecloud.jobs.gcs.model import NotModified, Refusal, StoredObject
from tablecloud.jobs.gcs.objects import BLOCK, ObjectStore
from tablecloud.jobs.gcs.operations import Asked, decoded, find_operation, object_of
from tablecloud.jobs.gcs.receive import Uploading, receive_upload
from tablecloud.jobs.gcs.uploads import Uploads
from tablecloud.jobs.gcs.wire import read_range
from tablecloud.jobs.wire.errors import ApiError

_UPLOAD = re.compile(r"/(?:resumable/)?upload/storage/v1/b/([^/]+)/o")
_DOWNLOAD = re.compile(r"/(?:download/)?storage/v1/b/([^/]+)/o/([^/]+)")
_XML = re.compile(r"/(?!batch/)([a-z0-9][a-z0-9._-]{2,})/(.+)")
_JSON_API = re.compile(r"/(?:(?:resumable/)?upload/|download/|batch/)?storage/v1(?:/.*)?")
_BATCH = "/batch/storage/v1"
_MAX_BODY = 10 << 20

_Scope = MutableMapping[str, Any]

Admit = Callable[[dict[str, str], str | None], bool]
"""(headers, token of the query) -> whether a job asks; raises `Refusal`."""


def is_storage_path(path: str) -> bool:
    """Say whether a raw path is the storage face's: of the JSON API, or `/<bucket>/<object>`.

    No bucket has a name of one or two characters, so `/v1`, `/v2` and `/ui` are none; `/batch` is the ml
    API's.
    """
    return _JSON_API.fullmatch(path) is not None or _XML.fullmatch(path) is not None


def storage_app(api: Api) -> StorageApp:
    """Return the storage face of a job service."""
    store = ObjectStore(api.service.settings.root)
    key = api.service.settings.storage_key

    def let_in(headers: dict[str, str], token: str | None) -> bool:
        return admit(
            api.principals, key, headers, token, is_active=api.service.is_active, now=api.clock.now()
        )

    return StorageApp(store=store, uploads=Uploads(store), admit=let_in)


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageApp:
    """ASGI application of the storage face.

    Parameters:
        admit: lets callers in.
    """

    store: ObjectStore
    uploads: Uploads
    admit: Admit = field(repr=False)

    async def __call__(self, scope: _Scope, receive: Any, send: Any) -> None:
        """Answer one HTTP exchange."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except ClientDisconnect:
            return
        except Exception as error:
            response = _error_response(error)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path = (request.scope.get("raw_path") or request.scope["path"].encode()).decode("latin-1")
        headers, query = dict(request.headers), dict(request.query_params)
        upload = _UPLOAD.fullmatch(path)
        if upload and "upload_id" in query:
            # The id of an upload is a credential: clients send nothing else to the address they were given.
            asked = _asked(request.method, path, query, headers, request.url.scheme, by_job=True)
        else:
            by_job = self.admit(headers, query.get("access_token"))
            asked = _asked(request.method, path, query, headers, request.url.scheme, by_job=by_job)
        if upload:
            uploading = Uploading(store=self.store, uploads=self.uploads, bucket=decoded(upload.group(1)))
            return await receive_upload(uploading, asked, request.stream())
        if path == _BATCH:
            return await self._answer_batch(asked, await _body(request))
        if named := _media(asked):
            return await self._download(asked, *named)
        return await self._run(asked, await _body(request))

    async def _run(self, asked: Asked, body: bytes) -> Response:
        operation, ids = find_operation(asked.method, asked.path)
        document = await asyncio.to_thread(operation, self.store, asked, ids, body)
        return Response(status_code=204) if document is None else JSONResponse(document)

    async def _download(self, asked: Asked, bucket: str, name: str) -> Response:
        found = await asyncio.to_thread(object_of, self.store, asked, bucket, name)
        headers = _media_headers(found)
        if asked.method == "HEAD":
            return Response(headers={**headers, "Content-Length": str(found.size)})
        part = read_range(asked.headers.get("range", ""), found.size)
        start, end = part or (0, found.size)
        headers["Content-Length"] = str(end - start)
        if part:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{found.size}"
        file = None if name.endswith("/") else await asyncio.to_thread(found.path.open, "rb")
        return StreamingResponse(_blocks(file, start, end), status_code=206 if part else 200, headers=headers)

    async def _answer_batch(self, asked: Asked, body: bytes) -> Response:
        """Answer the parts of a batch one after the other: a deletion of a folder means its order."""
        whole = HttpRequest(method=asked.method, path=asked.path, headers=dict(asked.headers), body=body)
        replies: list[tuple[str, HttpReply]] = []
        for content_id, part in split_batch(whole):
            replies.append((content_id, await self._answer_part(asked, part)))
        reply = join_batch(replies)
        return Response(reply.body, status_code=reply.status, headers=dict(reply.headers))

    async def _answer_part(self, outer: Asked, part: HttpRequest) -> HttpReply:
        query = dict(
            Request({"type": "http", "query_string": part.query.encode(), "headers": []}).query_params
        )
        # The batch was let in; a part cannot be anybody else.
        asked = Asked(
            method=part.method,
            path=part.path,
            query=query,
            headers=part.headers,
            root=outer.root,
            by_job=outer.by_job,
        )
        try:
            response = await self._run(asked, part.body)
        except Exception as error:
            response = _error_response(error)
        headers = [("Content-Type", response.headers.get("content-type", "application/json"))]
        return HttpReply(status=response.status_code, headers=headers, body=bytes(response.body))


def _asked(
    method: str, path: str, query: dict[str, str], headers: dict[str, str], scheme: str, *, by_job: bool
) -> Asked:
    root = f"{scheme}://{headers.get('host', 'localhost')}"
    return Asked(method=method, path=path, query=query, headers=headers, root=root, by_job=by_job)


def _media(asked: Asked) -> tuple[str, str] | None:
    """Return bucket and name where a request reads an object's content."""
    match = _DOWNLOAD.fullmatch(asked.path)
    if match and asked.method == "GET":
        wanted = asked.query.get("alt") == "media" or asked.path.startswith("/download/")
        return (decoded(match.group(1)), decoded(match.group(2))) if wanted else None
    match = None if _JSON_API.fullmatch(asked.path) else _XML.fullmatch(asked.path)
    if match and asked.method in ("GET", "HEAD"):
        return decoded(match.group(1)), decoded(match.group(2))
    return None


def _media_headers(found: StoredObject) -> dict[str, str]:
    headers = {
        "Content-Type": found.content_type,
        "ETag": f'"{etag(found)}"',
        "Last-Modified": formatdate(found.updated, usegmt=True),
        "Accept-Ranges": "bytes",
        "X-Goog-Generation": str(found.generation),
        "X-Goog-Metageneration": str(found.metageneration),
        "X-Goog-Stored-Content-Length": str(found.size),
        "X-Goog-Stored-Content-Encoding": str(found.fields.get("contentEncoding", "identity")),
        "X-Goog-Hash": hash_header(found),
        # An object may be a web page somebody uploaded: it must never act as a part of this server's own.
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": str(found.fields.get("cacheControl", "private, no-cache")),
        "Content-Encoding": str(found.fields.get("contentEncoding", "")),
        "Content-Disposition": str(found.fields.get("contentDisposition", "")),
        "Content-Language": str(found.fields.get("contentLanguage", "")),
    }
    return {name: _header(value) for name, value in headers.items() if value}


def _header(value: str) -> str:
    return (
        "".join(char for char in value if char.isprintable()).encode("latin-1", "replace").decode("latin-1")
    )


async def _blocks(file: BinaryIO | None, start: int, end: int) -> AsyncIterator[bytes]:
    """Yield a part of a file, closing it at the end."""
    if file is None:
        return
    with file:
        file.seek(start)
        while start < end:
            block = await asyncio.to_thread(file.read, min(BLOCK, end - start))
            if not block:
                return  # cut short behind our back: the connection ends before the length it was told
            start += len(block)
            yield block


async def _body(request: Request) -> bytes:
    """Return a whole body of JSON.

    Raises:
        Refusal: 400: it is too long.
    """
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > _MAX_BODY:
            raise Refusal(400, f"The body is longer than {_MAX_BODY} bytes.")
        chunks.append(chunk)
    return b"".join(chunks)


def _error_response(error: Exception) -> Response:
    match error:
        case NotModified():
            return Response(status_code=304)
        case Refusal():
            refusal = error
        case ApiError():
            refusal = Refusal(error.code, error.message)
        case OSError():
            refusal = Refusal(500, f"The buckets cannot be used: {error.strerror}.")
        case _:
            _log(error)
            refusal = Refusal(500, "Internal error encountered.")
    return JSONResponse(error_document(refusal), status_code=refusal.status)


def _log(error: Exception) -> None:
    import logging

    logging.getLogger("tablecloud.jobs.gcs").error("a request failed", exc_info=error)
