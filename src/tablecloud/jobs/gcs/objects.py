"""Buckets and objects over the folders of `storage`: read, write, copy, compose, delete, list. Blocking I/O.

An object is a file, so that a program sees through its file system what another one put through HTTP, and
the other way round. What follows from that: a name may not be a file and a folder at once, and has no empty,
`.` or `..` parts. The generation of an object is its file's time of change in microseconds.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from tablecloud.jobs.gcs.crc32c import crc32c
from tablecloud.jobs.gcs.facts import FactFile, Facts
from tablecloud.jobs.gcs.listing import Page, Query, list_names
from tablecloud.jobs.gcs.model import (
    NO_CONDITIONS,
    WRITABLE,
    Checksums,
    Conditions,
    Refusal,
    StoredObject,
)
from tablecloud.jobs.storage import Storage, StorageError

BLOCK = 1 << 20
_MAX_NAME = 1024
_MAX_COMPOSED = 32
_HASH_LIMIT = 64 << 20
"""Bytes up to which a file that a program wrote is read for its checksums when somebody asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A whole content that is no object yet."""

    path: Path
    size: int
    checksums: Checksums


class ObjectStore:
    """The objects of one state root.

    Parameters:
        root: the state root; buckets are the folders of `<root>/gcs`.
    """

    def __init__(self, root: Path) -> None:
        self._storage = Storage(root)
        self._home = self._storage.gcs_root
        # Beside the buckets, so that a draft becomes an object by a rename; no bucket begins with a dot.
        self.drafts = self._home / ".uploads"
        self.drafts.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._facts = FactFile(self._home / ".objects.sqlite")
        self._commit = threading.RLock()

    def close(self) -> None:
        """Close what is open."""
        self._facts.close()

    # Buckets.

    def buckets(self) -> list[str]:
        """Return the names of all buckets, in order."""
        return sorted(path.name for path in self._home.iterdir() if path.is_dir() and path.name[0] != ".")

    def bucket(self, name: str) -> Path:
        """Return the folder of a bucket.

        Raises:
            Refusal: 400 for what is no name of a bucket, 404 where there is none.
        """
        path = self._path(name, "")
        if not path.is_dir():
            raise Refusal(404, "The specified bucket does not exist.")
        return path

    def create_bucket(self, name: str) -> Path:
        """Make a bucket.

        Raises:
            Refusal: 409 where it exists.
        """
        path = self._path(name, "")
        try:
            path.mkdir()
        except FileExistsError:
            raise Refusal(
                409, "Your previous request to create the named bucket succeeded and you already own it."
            ) from None
        return path

    def delete_bucket(self, name: str) -> None:
        """Remove an empty bucket.

        Raises:
            Refusal: 404, or 409 where an object is in it.
        """
        home = self.bucket(name)
        with self._commit:
            if self.list(name, Query(limit=1)).names:
                raise Refusal(409, "The bucket you tried to delete is not empty.")
            _remove_folders(home)
            if home.exists():
                raise Refusal(409, "The bucket's folder holds files that are no objects, such as links.")
            self._facts.forget_bucket(name)

    # Objects.

    def list(self, bucket: str, query: Query) -> Page:
        """Return one page of the names in a bucket.

        Raises:
            Refusal: 404: there is no such bucket.
        """
        home = self.bucket(bucket)
        if any(part in (".", "..") for part in query.prefix.split("/")) or query.prefix.startswith("/"):
            return Page(names=(), prefixes=())
        folders = [name for name in self._facts.folders(bucket, query.prefix) if (home / name).is_dir()]
        return list_names(home, folders, query)

    def find(self, bucket: str, name: str) -> StoredObject | None:
        """Return an object, or None; its checksums only where they are known."""
        path = self._path(bucket, name)
        facts = self._facts.get(bucket, name)
        try:
            state = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if name.endswith("/"):
            return _folder_object(bucket, name, path, facts) if facts else None
        if not path.is_file():
            return None
        if facts is None or (facts.size, facts.changed_ns) != (state.st_size, state.st_mtime_ns):
            facts = Facts(size=state.st_size, changed_ns=state.st_mtime_ns, updated=state.st_mtime)
        return _object(bucket, name, path, facts)

    def get(self, bucket: str, name: str, conditions: Conditions = NO_CONDITIONS) -> StoredObject:
        """Return an object, with its checksums unless a program wrote it and it is very large.

        Raises:
            Refusal: 404 or 412.
        """
        found = self.find(bucket, name)
        if found is None:
            self.bucket(bucket)
            raise Refusal(404, f"No such object: {bucket}/{name}")
        conditions.check(found)
        if found.checksums is None and found.size <= _HASH_LIMIT:
            found = replace(found, checksums=checksums_of(found.path))
            self._remember(found)
        return found

    def put(
        self,
        bucket: str,
        name: str,
        draft: Draft,
        fields: dict[str, Any],
        conditions: Conditions = NO_CONDITIONS,
    ) -> StoredObject:
        """Make a draft the content of an object, all of it at once.

        Parameters:
            fields: what the client says of it; `md5Hash` and `crc32c` among them are compared.

        Raises:
            Refusal: 400: a checksum differs or the name cannot be used; 404: no bucket; 412.
        """
        self.bucket(bucket)
        path = self._path(bucket, name)
        _compare_checksums(draft.checksums, fields)
        with self._commit:
            before = self.find(bucket, name)
            conditions.check(before)
            changed = max(time.time_ns() // 1000, before.generation + 1 if before else 0) * 1000
            if name.endswith("/"):
                self._put_folder(path, draft)
            else:
                self._put_file(path, draft, changed)
            said = {key: fields[key] for key in WRITABLE if fields.get(key) is not None}
            facts = Facts(
                size=draft.size,
                changed_ns=changed,
                updated=changed / 1e9,
                checksums=draft.checksums,
                fields=said,
            )
            self._facts.put(bucket, name, facts)
        return _object(bucket, name, path, facts)

    def patch(
        self, bucket: str, name: str, fields: dict[str, Any], conditions: Conditions, *, replace_all: bool
    ) -> StoredObject:
        """Change what is said of an object; a null removes, keys of `metadata` are merged.

        Parameters:
            replace_all: forget what `fields` does not name.

        Raises:
            Refusal: 404 or 412.
        """
        with self._commit:
            found = self.get(bucket, name, conditions)
            said = {key: value for key, value in fields.items() if key in WRITABLE}
            merged = said if replace_all else _merged(found.fields, said)
            changed = replace(
                found,
                fields={key: value for key, value in merged.items() if value is not None},
                metageneration=found.metageneration + 1,
                updated=time.time(),
            )
            self._remember(changed)
        return changed

    def delete(self, bucket: str, name: str, conditions: Conditions = NO_CONDITIONS) -> None:
        """Remove an object.

        Raises:
            Refusal: 404 or 412.
        """
        with self._commit:
            found = self.find(bucket, name)
            conditions.check(found)
            if found is None:
                self.bucket(bucket)
                raise Refusal(404, f"No such object: {bucket}/{name}")
            if name.endswith("/"):
                _remove_folders(found.path)
            else:
                found.path.unlink(missing_ok=True)
            self._facts.forget(bucket, name)

    def compose(
        self,
        bucket: str,
        sources: Sequence[StoredObject],
        name: str,
        fields: dict[str, Any],
        conditions: Conditions = NO_CONDITIONS,
    ) -> StoredObject:
        """Make an object of others, one behind the other.

        Raises:
            Refusal: as `put`; 400 for none or too many sources.
        """
        if not 1 <= len(sources) <= _MAX_COMPOSED:
            raise Refusal(400, f"The number of source components must be 1 to {_MAX_COMPOSED}.")
        with self.writing() as writer:
            for source in sources:
                with source.path.open("rb") as file:
                    for block in iter(lambda: file.read(BLOCK), b""):
                        writer.write(block)
            return self.put(bucket, name, writer.draft(), fields, conditions)

    @contextlib.contextmanager
    def writing(self) -> Iterator[DraftWriter]:
        """Give a new draft; what of it is no object at the end is removed."""
        path = self.drafts / f"draft-{secrets.token_hex(12)}"
        writer = DraftWriter(path)
        try:
            yield writer
        finally:
            writer.close()
            path.unlink(missing_ok=True)

    # Below: how names become files.

    def _path(self, bucket: str, name: str) -> Path:
        if "/" in bucket or not _is_text(bucket):
            raise Refusal(400, f"{bucket!r} is not the name of a bucket.")
        if not _is_text(name) or len(name.encode()) > _MAX_NAME:
            raise Refusal(400, f"The name of an object has 1 to {_MAX_NAME} bytes of UTF-8.")
        try:
            path = self._storage.local_path(f"gs://{bucket}/{name}")
        except (StorageError, OSError) as error:
            raise Refusal(400, str(error)) from None
        if not name:
            return path
        parts = name.removesuffix("/").split("/")
        if any(part in ("", ".", "..") for part in parts):
            raise Refusal(400, f"Objects are files here: the name {name!r} has an empty or dotted part.")
        return path

    def _put_file(self, path: Path, draft: Draft, changed_ns: int) -> None:
        if path.is_dir():
            _remove_folders(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.utime(draft.path, ns=(changed_ns, changed_ns))
            draft.path.rename(path)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise Refusal(400, _BOTH) from None
        except OSError as error:
            raise Refusal(400, f"The object cannot be stored: {error.strerror}.") from None

    def _put_folder(self, path: Path, draft: Draft) -> None:
        if draft.size:
            raise Refusal(400, "An object whose name ends in a slash is a folder here and has no content.")
        try:
            path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise Refusal(400, _BOTH) from None

    def _remember(self, known: StoredObject) -> None:
        facts = Facts(
            size=known.size,
            changed_ns=self._changed_ns(known),
            metageneration=known.metageneration,
            updated=known.updated,
            checksums=known.checksums,
            fields=known.fields,
        )
        self._facts.put(known.bucket, known.name, facts)

    def _changed_ns(self, known: StoredObject) -> int:
        facts = self._facts.get(known.bucket, known.name)
        if facts is not None and facts.changed_ns // 1000 == known.generation:
            return facts.changed_ns
        return known.path.stat().st_mtime_ns


class DraftWriter:
    """A content under way: written block by block, checksums kept along."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._file: BinaryIO = open(path, "xb", opener=_private)  # noqa: SIM115  # closed by `writing`
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._crc32c = 0

    def write(self, block: bytes | memoryview) -> None:
        """Add bytes at the end."""
        self._file.write(block)
        self._md5.update(block)
        self._crc32c = crc32c(block, self._crc32c)
        self.size += len(block)

    def draft(self) -> Draft:
        """Return the whole content; nothing may be written after it."""
        self._file.close()
        sums = Checksums(md5=self._md5.digest(), crc32c=self._crc32c.to_bytes(4, "big"))
        return Draft(path=self.path, size=self.size, checksums=sums)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def checksums_of(path: Path) -> Checksums:
    """Return the checksums of a file."""
    md5, register = hashlib.md5(usedforsecurity=False), 0
    with path.open("rb") as file:
        for block in iter(lambda: file.read(BLOCK), b""):
            md5.update(block)
            register = crc32c(block, register)
    return Checksums(md5=md5.digest(), crc32c=register.to_bytes(4, "big"))


_BOTH = "Objects are files here: a name cannot be an object and a folder of other objects at once."


def _object(bucket: str, name: str, path: Path, facts: Facts) -> StoredObject:
    return StoredObject(
        bucket=bucket,
        name=name,
        path=path,
        size=facts.size,
        generation=facts.changed_ns // 1000,
        metageneration=facts.metageneration,
        created=facts.changed_ns / 1e9,
        updated=facts.updated,
        checksums=facts.checksums,
        fields=facts.fields,
    )


def _folder_object(bucket: str, name: str, path: Path, facts: Facts) -> StoredObject | None:
    return _object(bucket, name, path, facts) if path.is_dir() else None


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    merged = {**old, **new}
    if isinstance(new.get("metadata"), dict):
        both = {**(old.get("metadata") or {}), **new["metadata"]}
        merged["metadata"] = {key: value for key, value in both.items() if value is not None}
    return merged


def _compare_checksums(sums: Checksums, fields: dict[str, Any]) -> None:
    for name, ours in (("md5Hash", sums.md5), ("crc32c", sums.crc32c)):
        said = fields.get(name)
        if said is not None and _decoded(said) != ours:
            wanted = base64.b64encode(ours).decode()
            raise Refusal(400, f"Provided {name} {said!r} doesn't match calculated {name} {wanted!r}.")


def _decoded(text: object) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except binascii.Error:
        return b""


def _remove_folders(folder: Path) -> None:
    """Remove a folder if nothing but folders is in it, else what of it is empty."""
    for path, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):
            Path(path).rmdir()


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
