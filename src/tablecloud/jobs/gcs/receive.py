"""Uploads over HTTP: media in one body, description and media in one body, or block by block.

Contract: the three `uploadType`s of the Cloud Storage JSON API.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.responses import JSONResponse, Response

from tablecloud.jobs.gcs.model import Refusal, StoredObject
from tablecloud.jobs.gcs.objects import BLOCK, Draft, DraftWriter, ObjectStore
from tablecloud.jobs.gcs.operations import Asked, document_of
from tablecloud.jobs.gcs.uploads import Session, Uploads
from tablecloud.jobs.gcs.wire import (
    MAX_HEAD,
    boundary_of,
    read_conditions,
    read_content_range,
    read_hashes,
    read_json,
    split_multipart,
)

Body = AsyncIterator[bytes]
_INCOMPLETE = 308
_CANCELLED = 499
_MAX_DESCRIPTION = 1 << 20
_TAIL = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploading:
    """Where an upload goes."""

    store: ObjectStore
    uploads: Uploads
    bucket: str


async def receive_upload(to: Uploading, asked: Asked, body: Body) -> Response:
    """Answer one request of an upload.

    Raises:
        Refusal: it cannot be taken.
    """
    if upload_id := asked.query.get("upload_id"):
        if asked.method == "DELETE":
            await asyncio.to_thread(to.uploads.cancel, upload_id)
            return Response(status_code=_CANCELLED)
        return await _continue(to, asked, upload_id, body)
    await asyncio.to_thread(to.store.bucket, to.bucket)
    kinds = {"media": _media, "multipart": _multipart, "resumable": _begin}
    kind = kinds.get(asked.query.get("uploadType", "media"))
    if kind is None:
        raise Refusal(400, "uploadType is one of media, multipart and resumable.")
    return await kind(to, asked, body)


async def _media(to: Uploading, asked: Asked, body: Body) -> Response:
    fields = {"contentType": asked.headers.get("content-type"), **read_hashes(asked.headers)}
    with to.store.writing() as writer:
        async for block in _large(body):
            await asyncio.to_thread(writer.write, block)
        made = await asyncio.to_thread(_put, to, asked, writer.draft(), fields)
    return JSONResponse(document_of(asked, made))


async def _multipart(to: Uploading, asked: Asked, body: Body) -> Response:
    """Take a body of two parts: written down whole first, since its end says where the content ends."""
    boundary = boundary_of(asked.headers.get("content-type", ""))
    with to.store.writing() as spool, to.store.writing() as writer:
        async for block in _large(body):
            await asyncio.to_thread(spool.write, block)
        fields = await asyncio.to_thread(_unpack, spool, writer, boundary)
        made = await asyncio.to_thread(_put, to, asked, writer.draft(), fields)
    return JSONResponse(document_of(asked, made))


def _unpack(spool: DraftWriter, writer: DraftWriter, boundary: bytes) -> dict[str, Any]:
    """Write the content of a multipart body, and return what its first part says of it."""
    spool.close()
    with spool.path.open("rb") as file:
        head = file.read(MAX_HEAD)
        file.seek(max(spool.size - _TAIL, 0))
        fields, media_type, start, end = split_multipart(head, file.read(), spool.size, boundary)
        file.seek(start)
        while start < end:
            block = file.read(min(BLOCK, end - start))
            writer.write(block)
            start += len(block)
    return {"contentType": media_type or None, **fields}


def _put(to: Uploading, asked: Asked, draft: Draft, fields: dict[str, Any]) -> StoredObject:
    name = _name(asked, fields)
    return to.store.put(to.bucket, name, draft, fields, read_conditions(asked.query))


async def _begin(to: Uploading, asked: Asked, body: Body) -> Response:
    fields = read_json(await _description(body))
    fields.setdefault("contentType", asked.headers.get("x-upload-content-type"))
    session = Session(
        bucket=to.bucket,
        name=_name(asked, fields),
        fields={key: value for key, value in fields.items() if value is not None},
        conditions=read_conditions(asked.query),
    )
    found = await asyncio.to_thread(to.store.find, to.bucket, session.name)
    session.conditions.check(found)
    upload_id = await asyncio.to_thread(to.uploads.begin, session)
    path = f"/upload/storage/v1/b/{quote(to.bucket, safe='')}/o"
    location = f"{asked.root}{path}?uploadType=resumable&upload_id={upload_id}"
    return Response(headers={"Location": location, "X-GUploader-UploadID": upload_id})


async def _continue(to: Uploading, asked: Asked, upload_id: str, body: Body) -> Response:
    session = await asyncio.to_thread(to.uploads.session, upload_id)
    if session.done is not None:
        made = await asyncio.to_thread(to.uploads.finish, upload_id, {})
        return JSONResponse(document_of(asked, made))
    header = asked.headers.get("content-range", "")
    block = read_content_range(header)
    if block.start is not None:
        at = block.start
        async for data in _large(body):
            await asyncio.to_thread(to.uploads.append, upload_id, at, data)
            at += len(data)
    size = await asyncio.to_thread(to.uploads.size, upload_id)
    # Without a range the body was all there is; a client that went away inside it never gets here.
    if header and block.total != size:
        return _incomplete(size)
    made = await asyncio.to_thread(to.uploads.finish, upload_id, read_hashes(asked.headers))
    return JSONResponse(document_of(asked, made))


def _incomplete(size: int) -> Response:
    headers = {"Range": f"bytes=0-{size - 1}"} if size else {}
    return Response(status_code=_INCOMPLETE, headers={**headers, "Content-Length": "0"})


def _name(asked: Asked, fields: dict[str, Any]) -> str:
    name = asked.query.get("name") or fields.get("name")
    if not isinstance(name, str) or not name:
        raise Refusal(
            400, "An upload needs the object's name, as the parameter `name` or in its description."
        )
    return name


async def _description(body: Body) -> bytes:
    chunks, size = [], 0
    async for chunk in body:
        size += len(chunk)
        if size > _MAX_DESCRIPTION:
            raise Refusal(400, "The description of an object is too long.")
        chunks.append(chunk)
    return b"".join(chunks)


async def _large(body: Body) -> AsyncIterator[bytes]:
    """Gather a body into blocks that are worth a thread each."""
    gathered, size = [], 0
    async for chunk in body:
        gathered.append(chunk)
        size += len(chunk)
        if size >= BLOCK:
            yield b"".join(gathered)
            gathered, size = [], 0
    if size:
        yield b"".join(gathered)
