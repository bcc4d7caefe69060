"""Objects and buckets as the JSON documents of the Cloud Storage API. Pure."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

from tablecloud.jobs.gcs.listing import Page
from tablecloud.jobs.gcs.model import WRITABLE, Refusal, StoredObject
from tablecloud.jobs.wire.times import format_timestamp

JsonObject = dict[str, Any]


def object_document(found: StoredObject, root: str, *, media_link: bool) -> JsonObject:
    """Return the resource of an object.

    Parameters:
        root: URL of this server, without a slash at the end.
        media_link: whether to name the download's address. A job must not get one: its credential is part of
            the address it was given, which clients replace by a link they are told.
    """
    bucket, name = quote(found.bucket, safe=""), quote(found.name, safe="")
    link = f"/storage/v1/b/{bucket}/o/{name}"
    document: JsonObject = {
        "kind": "storage#object",
        "id": f"{found.bucket}/{found.name}/{found.generation}",
        "selfLink": root + link,
        "name": found.name,
        "bucket": found.bucket,
        "generation": str(found.generation),
        "metageneration": str(found.metageneration),
        "storageClass": "STANDARD",
        "size": str(found.size),
        "timeCreated": _time(found.created),
        "updated": _time(found.updated),
        "timeStorageClassUpdated": _time(found.created),
        "etag": etag(found),
    }
    document |= {name: found.fields[name] for name in WRITABLE if name in found.fields}
    if not found.name.endswith("/"):
        document.setdefault("contentType", found.content_type)
    if found.checksums is not None:
        document["md5Hash"] = _base64(found.checksums.md5)
        document["crc32c"] = _base64(found.checksums.crc32c)
    if media_link:
        generation = f"?generation={found.generation}&alt=media"
        document["mediaLink"] = f"{root}/download{link}{generation}"
    return document


def bucket_document(name: str, created: float, root: str) -> JsonObject:
    """Return the resource of a bucket."""
    return {
        "kind": "storage#bucket",
        "id": name,
        "selfLink": f"{root}/storage/v1/b/{quote(name, safe='')}",
        "name": name,
        "projectNumber": "0",
        "metageneration": "1",
        "location": "LOCAL",
        "locationType": "region",
        "storageClass": "STANDARD",
        "etag": "CAE=",
        "timeCreated": _time(created),
        "updated": _time(created),
        "iamConfiguration": {
            "bucketPolicyOnly": {"enabled": True},
            "uniformBucketLevelAccess": {"enabled": True},
            "publicAccessPrevention": "enforced",
        },
    }


def page_document(items: list[JsonObject], page: Page, token: str) -> JsonObject:
    """Return one page of a listing; members that are empty are absent, as the service leaves them out."""
    document: JsonObject = {"kind": "storage#objects"}
    if token:
        document["nextPageToken"] = token
    if page.prefixes:
        document["prefixes"] = list(page.prefixes)
    if items:
        document["items"] = items
    return document


def rewrite_document(document: JsonObject) -> JsonObject:
    """Return the answer to a rewrite, which is always done in one go here."""
    size = document["size"]
    return {
        "kind": "storage#rewriteResponse",
        "totalBytesRewritten": size,
        "objectSize": size,
        "done": True,
        "resource": document,
    }


def error_document(refusal: Refusal) -> JsonObject:
    """Return the envelope of an error."""
    message = f"{refusal.message} {refusal.hint}".strip()
    entry = {"message": message, "domain": "global", "reason": refusal.reason}
    return {"error": {"code": refusal.status, "message": message, "errors": [entry]}}


def hash_header(found: StoredObject) -> str:
    """Return `x-goog-hash`; empty where the checksums are not known."""
    if found.checksums is None:
        return ""
    return f"crc32c={_base64(found.checksums.crc32c)},md5={_base64(found.checksums.md5)}"


def etag(found: StoredObject) -> str:
    """Return the entity tag: it changes with content and metadata."""
    return _base64(f"{found.generation}.{found.metageneration}".encode())


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _time(seconds: float) -> str:
    return format_timestamp(int(seconds * 1000) * 1_000_000)
