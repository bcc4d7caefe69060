"""Unpacks a package's archive: plain files below one folder, and nothing else, within limits."""

from __future__ import annotations

import tarfile
import zlib
from io import BytesIO
from pathlib import Path, PurePosixPath

from tablecloud.catalog.sources import Progress
from tablecloud.errors import DocumentError

_MOST_FILES = 20_000
_LARGEST_FILE = 64 << 20
_MOST_BYTES = 1 << 30
_WORD = "unpacking"


def unpack(archive: bytes, folder: Path, label: str, progress: Progress | None = None) -> None:
    """Write the files of an archive into a folder, without the archive's top folder.

    Parameters:
        archive: a gzipped tar whose entries all lie in one folder.
        folder: an empty folder.
        label: what is unpacked, for errors and progress.
        progress: told how many bytes of the archive are done, of how many.

    Raises:
        DocumentError: it is no such archive, or an entry would land outside, is a link, or is too much.
        OSError: the folder cannot be written to.
    """
    stream = BytesIO(archive)
    count = total = 0
    try:
        with tarfile.open(fileobj=stream, mode="r|gz") as entries:
            for entry in entries:
                count, total = count + 1, total + entry.size
                if count > _MOST_FILES or entry.size > _LARGEST_FILE or total > _MOST_BYTES:
                    raise DocumentError(f"the package {label} is larger than a package may be")
                _write(entries, entry, folder, label)
                if progress is not None:
                    progress(f"{_WORD} {label}", stream.tell(), len(archive))
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DocumentError(f"the package {label} is damaged: {error}", hint="pull it again") from error
    if not count:
        raise DocumentError(f"the package {label} is empty")


def _write(entries: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path, label: str) -> None:
    path = PurePosixPath(entry.name)
    inner = [part for part in path.parts if part != "."][1:]
    if path.is_absolute() or ".." in path.parts or "\\" in entry.name or "\0" in entry.name:
        raise DocumentError(f"the package {label} has an entry that leads out of it: {entry.name!r}")
    if entry.isdir():
        return
    content = entries.extractfile(entry) if entry.isfile() else None
    if content is None or not inner:
        raise DocumentError(f"the package {label} has an entry that is no plain file: {entry.name!r}")
    target = folder.joinpath(*inner)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content.read())
