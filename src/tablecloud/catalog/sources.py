"""Where a provider's documents come from: folders of files, seen as one list with a fingerprint.

The catalog takes a list of sources: the Google Discovery documents of the installed google-api-python-client,
and the registry packages that were pulled. Of two sources of one provider the package's names win.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import msgspec
from msgspec import Struct

from tablecloud.catalog.installed import (
    active_version,
    folder_of,
    installed_providers,
    package_fingerprint,
    packages_folder,
)
from tablecloud.documents import discovery_folder
from tablecloud.errors import DocumentError

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, and how many there are."""

_INDEX = "index.json"
_PACKAGE = "google-api-python-client"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A provider, the folder of its documents, and the folder of the overlays to them."""

    provider: str
    documents: Path
    overlays: Path
    package: str = ""
    """The distribution that the documents come with; its version is the provider's."""
    packaged: bool = False
    """Whether the documents are a registry package, and not Discovery documents."""


class _DirectoryItem(Struct):
    name: str
    version: str
    preferred: bool = False


class _Directory(Struct):
    items: list[_DirectoryItem] = []


def google_source() -> Source:
    """Return the source of the bundled Google documents.

    Raises:
        DocumentError: google-api-python-client is not installed.
    """
    return Source(
        provider="google",
        documents=discovery_folder(),
        overlays=Path(__file__).with_name("overlays"),
        package=_PACKAGE,
    )


def package_sources(root: Path) -> list[Source]:
    """Return a source for each registry package that is installed below the application root."""
    if not packages_folder(root).is_dir():
        return []
    sources = []
    for provider in installed_providers(root):
        folder = packages_folder(root) / folder_of(provider) / active_version(root, provider)
        sources.append(
            Source(provider=provider, documents=folder, overlays=folder / "overlays", packaged=True)
        )
    return sources


def fingerprint(source: Source) -> str:
    """Return a text that changes when a document or an overlay of the source changes.

    Documents are told by name, size and time of change (reading 110 MB at every start would cost more than
    the catalog saves); overlays, which people edit, by content.

    Raises:
        DocumentError: the folder cannot be read.
    """
    try:
        if source.packaged:
            return package_fingerprint(source.documents)
        entries = sorted(
            (e.name, s.st_size, s.st_mtime_ns) for e in os.scandir(source.documents) for s in (e.stat(),)
        )
        overlays = b"\n".join(path.read_bytes() for path in _overlays(source))
    except OSError as error:
        raise DocumentError(f"cannot read the documents of {source.provider}: {error}") from error
    listing = crc32(repr(entries).encode())
    return f"{source.provider} {source.documents} {len(entries)} {listing:08x} {crc32(overlays):08x}"


def document_files(source: Source) -> list[Path]:
    """Return the source's documents, by file name."""
    return sorted(p for p in source.documents.glob("*.json") if p.name != _INDEX)


def read_document(path: Path) -> bytes:
    """Return a document's bytes.

    Raises:
        DocumentError: the file cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DocumentError(f"cannot read the document {path}: {error.strerror}") from error


def preferred_versions(source: Source) -> dict[str, str]:
    """Return document name -> preferred version, as the discovery index beside the documents has it.

    Empty where there is no index, or one that cannot be read: names then follow from the versions alone.
    """
    try:
        directory = msgspec.json.decode((source.documents / _INDEX).read_bytes(), type=_Directory)
    except (OSError, msgspec.DecodeError):
        return {}
    return {item.name: item.version for item in directory.items if item.preferred}


def overlay_file(source: Source, name: str) -> Path | None:
    """Return the overlay of the documents of a name; None where there is none."""
    path = source.overlays / f"{source.provider}.{name}.json"
    return path if path in _overlays(source) else None


def provider_version(source: Source) -> str:
    """Return the version of the package that the documents come with; empty where there is none."""
    if source.packaged:
        return source.documents.name
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(source.package) if source.package else ""
    except PackageNotFoundError:
        return ""


def _overlays(source: Source) -> list[Path]:
    return sorted(source.overlays.glob(f"{source.provider}.*.json")) if source.overlays.is_dir() else []
