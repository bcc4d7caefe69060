"""The methods of the storage API that carry JSON, each a function of a store and a request. Blocking."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from tablecloud.jobs.gcs.documents import (
    JsonObject,
    bucket_document,
    object_document,
    page_document,
    rewrite_document,
)
from tablecloud.jobs.gcs.listing import Page, Query
from tablecloud.jobs.gcs.model import WRITABLE, NotModified, Refusal, StoredObject
from tablecloud.jobs.gcs.objects import ObjectStore
from tablecloud.jobs.gcs.wire import read_conditions, read_json, read_number

_MAX_RESULTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request, let in."""

    method: str
    path: str
    """Raw: percent escapes still in place."""
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    """By lower-case name."""
    root: str
    """URL of the server as the caller wrote it, without a slash at the end."""
    by_job: bool
    """Whether a job asks, whose credential is a part of its address."""


Operation = Callable[[ObjectStore, Asked, tuple[str, ...], bytes], JsonObject | None]
"""(store, request, ids of the path, body) -> document; None for an answer without one."""


def find_operation(method: str, path: str) -> tuple[Operation, tuple[str, ...]]:
    """Return the operation that a request means, and the ids of its path, decoded.

    Raises:
        Refusal: 404 or 405.
    """
    for pattern, by_method in _ROUTES:
        match = pattern.fullmatch(path)
        if match is None:
            continue
        if method not in by_method:
            raise Refusal(405, f"{method[:20]} is not allowed here. Allowed: {', '.join(by_method)}.")
        return by_method[method], tuple(decoded(group) for group in match.groups())
    raise Refusal(404, f"The requested URL {path[:200]} was not found on this server.")


def decoded(raw: str) -> str:
    """Return an id of a path without its percent escapes.

    Raises:
        Refusal: 400: it is not UTF-8.
    """
    try:
        return unquote(raw, errors="strict")
    except UnicodeDecodeError:
        raise Refusal(400, "The URL is not UTF-8.") from None


def object_of(store: ObjectStore, asked: Asked, bucket: str, name: str) -> StoredObject:
    """Return the object that a read asks for.

    Raises:
        Refusal: 404 or 412.
        NotModified: its `ifGenerationNotMatch` names what is here.
    """
    _, given = read_conditions(asked.query), asked.query.get("ifGenerationNotMatch")
    if given is not None:
        found = store.get(bucket, name)
        if str(found.generation) == given:
            raise NotModified("The caller has this content.")
    found = store.get(bucket, name, read_conditions(asked.query))
    generation = read_number(asked.query, "generation")
    if generation not in (None, found.generation):
        raise Refusal(404, f"No such object: {bucket}/{name}#{generation}; older generations are not kept.")
    return found


def document_of(asked: Asked, found: StoredObject) -> JsonObject:
    """Return the resource of an object, for this caller."""
    return object_document(found, asked.root, media_link=not asked.by_job)


def _list_buckets(store: ObjectStore, asked: Asked, _ids: tuple[str, ...], _body: bytes) -> JsonObject:
    prefix, after, limit = asked.query.get("prefix", ""), _position(asked.query), _limit(asked.query)
    names = [name for name in store.buckets() if name.startswith(prefix) and name > after]
    items = [_bucket(store, asked, name) for name in names[:limit]]
    document: JsonObject = (
        {"kind": "storage#buckets", "items": items} if items else {"kind": "storage#buckets"}
    )
    if len(names) > limit:
        document["nextPageToken"] = _token(names[limit - 1])
    return document


def _create_bucket(store: ObjectStore, asked: Asked, _ids: tuple[str, ...], body: bytes) -> JsonObject:
    name = read_json(body).get("name")
    if not isinstance(name, str) or "/" in name:
        raise Refusal(400, "A bucket needs a name without slashes.")
    store.create_bucket(name)
    return _bucket(store, asked, name)


def _get_bucket(store: ObjectStore, asked: Asked, ids: tuple[str, ...], _body: bytes) -> JsonObject:
    return _bucket(store, asked, ids[0])


def _delete_bucket(store: ObjectStore, _asked: Asked, ids: tuple[str, ...], _body: bytes) -> None:
    store.delete_bucket(ids[0])


def _list_objects(store: ObjectStore, asked: Asked, ids: tuple[str, ...], _body: bytes) -> JsonObject:
    [bucket], given = ids, asked.query
    if given.get("matchGlob"):
        raise Refusal(501, "matchGlob is not implemented; list with a prefix and match here.")
    query = Query(
        prefix=given.get("prefix", ""),
        delimiter=given.get("delimiter", ""),
        start=given.get("startOffset", ""),
        end=given.get("endOffset", ""),
        after=_position(given),
        limit=_limit(given),
        trailing=given.get("includeTrailingDelimiter", "").lower() == "true",
    )
    page: Page = store.list(bucket, query)
    found = (store.find(bucket, name) for name in page.names)
    # What was deleted between the listing and the look at it is not told of.
    items = [document_of(asked, one) for one in found if one is not None]
    return page_document(items, page, _token(page.last) if page.last else "")


def _get_object(store: ObjectStore, asked: Asked, ids: tuple[str, ...], _body: bytes) -> JsonObject:
    return document_of(asked, object_of(store, asked, *ids))


def _delete_object(store: ObjectStore, asked: Asked, ids: tuple[str, ...], _body: bytes) -> None:
    if "generation" in asked.query:
        object_of(store, asked, *ids)
    bucket, name = ids
    store.delete(bucket, name, read_conditions(asked.query))


def _patch_object(store: ObjectStore, asked: Asked, ids: tuple[str, ...], body: bytes) -> JsonObject:
    conditions = read_conditions(asked.query)
    whole = asked.method == "PUT"
    bucket, name = ids
    return document_of(asked, store.patch(bucket, name, read_json(body), conditions, replace_all=whole))


def _compose(store: ObjectStore, asked: Asked, ids: tuple[str, ...], body: bytes) -> JsonObject:
    bucket, name = ids
    request = read_json(body)
    sources = request.get("sourceObjects")
    if not isinstance(sources, list) or not all(isinstance(one, dict) for one in sources):
        raise Refusal(400, "compose wants sourceObjects, a list of objects with names.")
    found = [store.get(bucket, str(one.get("name", ""))) for one in sources]
    fields = request.get("destination") or {}
    made = store.compose(bucket, found, name, fields, read_conditions(asked.query))
    return document_of(asked, made)


def _rewrite(store: ObjectStore, asked: Asked, ids: tuple[str, ...], body: bytes) -> JsonObject:
    return rewrite_document(_copy(store, asked, ids, body))


def _copy(store: ObjectStore, asked: Asked, ids: tuple[str, ...], body: bytes) -> JsonObject:
    bucket, name, to_bucket, to_name = ids
    source = store.get(bucket, name, read_conditions(asked.query, source=True))
    generation = read_number(asked.query, "sourceGeneration")
    if generation not in (None, source.generation):
        raise Refusal(404, f"No such object: {bucket}/{name}#{generation}; older generations are not kept.")
    said = {key: value for key, value in read_json(body).items() if key in WRITABLE}
    conditions = read_conditions(asked.query)
    return document_of(asked, store.compose(to_bucket, [source], to_name, said or source.fields, conditions))


def _move(store: ObjectStore, asked: Asked, ids: tuple[str, ...], body: bytes) -> JsonObject:
    bucket, name, to_name = ids
    moved = _copy(store, asked, (bucket, name, bucket, to_name), body)
    if name != to_name:
        store.delete(bucket, name, read_conditions(asked.query, source=True))
    return moved


def _bucket(store: ObjectStore, asked: Asked, name: str) -> JsonObject:
    return bucket_document(name, store.bucket(name).stat().st_ctime, asked.root)


def _limit(query: Mapping[str, str]) -> int:
    asked = read_number(query, "maxResults")
    if asked == 0:
        raise Refusal(400, "maxResults must be positive.")
    return min(asked or _MAX_RESULTS, _MAX_RESULTS)


def _token(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def _position(query: Mapping[str, str]) -> str:
    try:
        return base64.b64decode(query.get("pageToken", ""), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise Refusal(400, "The page token is not one of this server's.") from None


_ID = r"([^/]+)"
_BUCKETS = r"/storage/v1/b"
_OBJECT = rf"{_BUCKETS}/{_ID}/o/{_ID}"
_TABLE: dict[str, dict[str, Operation]] = {
    _OBJECT: {"GET": _get_object, "PATCH": _patch_object, "PUT": _patch_object, "DELETE": _delete_object},
    rf"{_BUCKETS}/{_ID}/o": {"GET": _list_objects},
    rf"{_OBJECT}/compose": {"POST": _compose},
    rf"{_OBJECT}/rewriteTo/b/{_ID}/o/{_ID}": {"POST": _rewrite},
    rf"{_OBJECT}/moveTo/o/{_ID}": {"POST": _move},
    rf"{_OBJECT}/copyTo/b/{_ID}/o/{_ID}": {"POST": _copy},
    rf"{_BUCKETS}/{_ID}": {"GET": _get_bucket, "DELETE": _delete_bucket},
    _BUCKETS: {"GET": _list_buckets, "POST": _create_bucket},
}
_ROUTES = [(re.compile(pattern), by_method) for pattern, by_method in _TABLE.items()]
