"""Resumable uploads: a session is a description and the bytes so far, both on disk: it outlives the server.

The id of a session is a secret of 192 bits: who knows it may go on with the upload, as with Cloud Storage.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import threading
import time
from pathlib import Path
from typing import Any

import msgspec

from tablecloud.jobs.gcs.model import Conditions, Refusal, StoredObject
from tablecloud.jobs.gcs.objects import Draft, ObjectStore, checksums_of

_ID = re.compile(r"[A-Za-z0-9_-]{32}")
_LIFE_SECONDS = 7 * 86400


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What an upload will become."""

    bucket: str
    name: str
    fields: dict[str, Any]
    conditions: Conditions
    done: int | None = None
    """Generation of the object that it became."""


class Uploads:
    """The upload sessions of one object store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._turns: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()
        self._sweep()

    def begin(self, session: Session) -> str:
        """Open a session and return its id."""
        upload_id = secrets.token_urlsafe(24)
        self._data(upload_id).touch(mode=0o600)
        self._save(upload_id, session)
        return upload_id

    def session(self, upload_id: str) -> Session:
        """Return a session.

        Raises:
            Refusal: 404: there is none of this id.
        """
        try:
            if _ID.fullmatch(upload_id):
                return msgspec.json.decode(self._about(upload_id).read_bytes(), type=Session)
        except FileNotFoundError:
            pass
        raise Refusal(404, "There is no upload of this id; it may have ended a week ago.")

    def size(self, upload_id: str) -> int:
        """Return how many bytes of a session are here."""
        return self._data(upload_id).stat().st_size

    def append(self, upload_id: str, start: int, block: bytes) -> int:
        """Write a block that begins at an offset, and return the size after it.

        What is here already is skipped: a client that lost an answer sends a block again.

        Raises:
            Refusal: 400: the block begins past what is here.
        """
        with self._turn(upload_id), self._data(upload_id).open("r+b") as file:
            size = file.seek(0, 2)
            if start > size:
                raise Refusal(400, f"The block begins at {start}, but only {size} bytes are here.")
            file.write(block[size - start :])
            return file.tell()

    def finish(self, upload_id: str, said: dict[str, str]) -> StoredObject:
        """Make the bytes of a session its object; said twice, the second time answers the same.

        Parameters:
            said: checksums that came with the last block: `md5Hash`, `crc32c`.

        Raises:
            Refusal: as `ObjectStore.put`; 404 where the object is gone meanwhile.
        """
        with self._turn(upload_id):
            session = self.session(upload_id)
            if session.done is not None:
                return self._store.get(session.bucket, session.name)
            data = self._data(upload_id)
            draft = Draft(path=data, size=data.stat().st_size, checksums=checksums_of(data))
            fields = {**session.fields, **said}
            made = self._store.put(session.bucket, session.name, draft, fields, session.conditions)
            self._save(upload_id, msgspec.structs.replace(session, done=made.generation))
            data.unlink(missing_ok=True)  # a folder object leaves its draft behind
            return made

    def cancel(self, upload_id: str) -> None:
        """Forget a session and its bytes.

        Raises:
            Refusal: 404.
        """
        with self._turn(upload_id):
            self.session(upload_id)
            self._about(upload_id).unlink(missing_ok=True)
            self._data(upload_id).unlink(missing_ok=True)

    def _save(self, upload_id: str, session: Session) -> None:
        draft = self._about(upload_id).with_suffix(".new")
        draft.write_bytes(msgspec.json.encode(session))
        draft.replace(self._about(upload_id))

    def _about(self, upload_id: str) -> Path:
        return self._store.drafts / f"{upload_id}.json"

    def _data(self, upload_id: str) -> Path:
        return self._store.drafts / f"{upload_id}.data"

    @contextlib.contextmanager
    def _turn(self, upload_id: str) -> Any:
        """Let one request at a time touch a session."""
        with self._guard:
            lock = self._turns.setdefault(upload_id, threading.Lock())
        with lock:
            yield

    def _sweep(self) -> None:
        """Remove what a killed server left, and sessions older than a week."""
        for path in self._store.drafts.iterdir():
            old = path.stat().st_mtime < time.time() - _LIFE_SECONDS
            if old or path.name.startswith("draft-"):
                path.unlink(missing_ok=True)
