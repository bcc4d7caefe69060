"""Give the storage addresses of jobs a place on this machine, and let nothing escape it.

`gs://bucket/path` is `<root>/gcs/bucket/path`. `file:///path` and absolute paths are themselves. A job is
given the address the user wrote; a trainer that cannot speak `gs://` finds the same place below
`TABLECLOUD_GCS_ROOT`, and in `AIP_MODEL_DIR` and its sisters, which are always local paths. Contract:
ml-jobs-service 2.5.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tablecloud.errors import JobError

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")


class StorageError(JobError):
    """An address that cannot be used: not an address, outside its bucket, or not writable."""


class Storage:
    """The files that jobs read and write.

    Parameters:
        root: the state root; buckets are the folders of `<root>/gcs`.
    """

    def __init__(self, root: Path) -> None:
        self.gcs_root = root / "gcs"

    def local_path(self, uri: str) -> Path:
        """Return where an address lies; there may be nothing yet.

        Raises:
            StorageError: it is no address, or leads out of its bucket.
        """
        if "\0" in uri:
            raise StorageError(f"the address {uri!r} contains a NUL character")
        if uri.startswith("gs://"):
            return self._object_path(uri)
        path = _file_path(uri) if uri.startswith("file:") else uri
        if not path.startswith("/"):
            raise StorageError(
                f"the address {uri!r} is not one of a bucket or a file",
                hint="write gs://bucket/path, file:///path or an absolute path",
            )
        if ".." in path.split("/"):
            raise StorageError(f"the address {uri!r} contains '..'")
        return Path(path)

    def check_writable(self, uri: str) -> None:
        """Make the folder of an address and write to it, to learn now what a job would learn after hours.

        Raises:
            StorageError: that is not possible.
        """
        path = self.local_path(uri)
        try:
            path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=path):
                pass
        except OSError as error:
            raise StorageError(f"cannot write to {uri}: {error.strerror}") from error

    def _object_path(self, uri: str) -> Path:
        bucket, _, name = uri.removeprefix("gs://").partition("/")
        if not _BUCKET.fullmatch(bucket) or ".." in bucket:
            raise StorageError(
                f"{uri!r} does not name a bucket",
                hint="a bucket's name has 3 to 222 lower-case letters, digits, dots, dashes and underscores",
            )
        if ".." in name.split("/"):
            raise StorageError(f"the address {uri!r} contains '..'")
        home = self.gcs_root / bucket
        path = home / name.lstrip("/")
        # A trainer may have planted a symbolic link in the bucket, or in place of it.
        if not path.resolve().is_relative_to(self.gcs_root.resolve() / bucket):
            raise StorageError(f"the address {uri!r} leads out of its bucket through a symbolic link")
        return path


def _file_path(uri: str) -> str:
    """Return the path of a `file:` address.

    Raises:
        StorageError: it names another host, or hides a NUL character.
    """
    parts = urlsplit(uri)
    path = unquote(parts.path)
    if parts.netloc not in ("", "localhost") or "\0" in path:
        raise StorageError(
            f"the address {uri!r} is not one of a file on this machine", hint="write file:///path"
        )
    return path
