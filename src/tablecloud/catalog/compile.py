"""Documents compiled into the two kinds of index file: the names of everything, a service's resources."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from tablecloud.catalog.model import Resource, ServiceEntry
from tablecloud.catalog.names import DocumentTitle, name_services
from tablecloud.catalog.overlay import apply_overlay, queries, read_overlay
from tablecloud.catalog.packages import document_path, read_package, read_package_service
from tablecloud.catalog.readers.discovery import ServiceOutline, read_outline, read_resources
from tablecloud.catalog.sources import (
    Progress,
    Source,
    document_files,
    overlay_file,
    preferred_versions,
    read_document,
)
from tablecloud.errors import DocumentError

NAMES_SCHEMA = """
CREATE TABLE services (provider TEXT, key TEXT, name TEXT, version TEXT, title TEXT, description TEXT,
    preferred INTEGER, document TEXT, beneath TEXT DEFAULT '', packaged INTEGER DEFAULT 0,
    PRIMARY KEY (provider, key)) WITHOUT ROWID;
CREATE TABLE providers (key TEXT PRIMARY KEY, auth TEXT) WITHOUT ROWID;
CREATE TABLE resources (provider TEXT, service TEXT, key TEXT, name TEXT, form TEXT, description TEXT,
    PRIMARY KEY (provider, service, key)) WITHOUT ROWID;
"""
"""Keys are names in lower case: look-up ignores case."""
SERVICE_SCHEMA = """
CREATE TABLE compiled (key TEXT PRIMARY KEY, name TEXT, form TEXT, description TEXT, resource BLOB NOT NULL)
"""

_COMPRESSION = 3
_PackagedRow = tuple[str, str, str, str, str, str, int, str]


def fill_names(connection: sqlite3.Connection, sources: Sequence[Source], progress: Progress | None) -> None:
    """Write services and the names of the resources of Discovery documents.

    A package's documents are large and many, so the names of its resources are written with each service.
    """
    connection.executescript(NAMES_SCHEMA)
    packaged = _read_packages(connection, [source for source in sources if source.packaged])
    there = {row for row in packaged if Path(row[-1]).exists()}
    _write_packaged(connection, (row for row in packaged if row in there))
    for source in sources:
        if source.packaged:
            continue
        key = source.provider.lower()
        outlines = dict(_outlines(source, progress))
        titles = [
            DocumentTitle(name=o.name, version=o.version, file=file.name) for file, o in outlines.items()
        ]
        by_file = {file.name: (file, outline) for file, outline in outlines.items()}
        for service in name_services(titles, preferred_versions(source)):
            file, outline = by_file[service.title.file]
            _write_service(connection, key, service.name, service.preferred, file, outline)
    # A document that its package lacks hides no Discovery document; alone it is listed, and using it says so.
    _write_packaged(connection, (row for row in packaged if row not in there))


def _read_packages(connection: sqlite3.Connection, sources: Sequence[Source]) -> list[_PackagedRow]:
    """Write how each package's calls are authenticated; return the rows of its services."""
    rows: list[_PackagedRow] = []
    for source in sources:
        try:
            provider = read_package(source.documents)
        except DocumentError:
            # One bad package must not hide the other providers.
            continue
        key = source.provider.lower()
        connection.execute("INSERT INTO providers VALUES (?, ?)", (key, provider.auth))
        rows += [
            (
                key,
                service.name.lower(),
                service.name,
                service.version,
                service.title,
                service.description,
                int(service.preferred),
                str(document_path(source.documents, service)),
            )
            for service in provider.services
        ]
    return rows


def _write_packaged(connection: sqlite3.Connection, rows: Iterable[_PackagedRow]) -> None:
    connection.executemany(
        "INSERT OR IGNORE INTO services VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', 1)", list(rows)
    )


def _outlines(source: Source, progress: Progress | None) -> Iterator[tuple[Path, ServiceOutline]]:
    files = document_files(source)
    for done, file in enumerate(files):
        if progress is not None:
            progress(f"reading the documents of {source.provider}", done, len(files))
        try:
            yield file, read_outline(read_document(file), file.name)
        except DocumentError:
            # One bad file must not hide the rest: its service stays listed, and using it says what is wrong.
            name, _, version = file.name.removesuffix(".json").partition(".")
            yield file, ServiceOutline(name=name, version=version, title="", description="", placements=())
    if progress is not None:
        progress(f"reading the documents of {source.provider}", len(files), len(files))


def _write_service(
    connection: sqlite3.Connection,
    provider: str,
    name: str,
    preferred: bool,
    file: Path,
    outline: ServiceOutline,
) -> None:
    connection.execute(
        "INSERT INTO services VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', 0)"
        " ON CONFLICT DO UPDATE SET beneath = excluded.document",
        (
            provider,
            name.lower(),
            name,
            outline.version,
            outline.title,
            outline.description,
            int(preferred),
            str(file),
        ),
    )
    # Pages whose paths differ by case alone have one name: the first has it.
    connection.executemany(
        "INSERT OR IGNORE INTO resources VALUES (?, ?, ?, ?, ?, ?)",
        [
            (provider, name.lower(), p.name.lower(), p.name, p.form.value, p.description)
            for p in outline.placements
        ],
    )


def compile_layers(sources: Sequence[Source], service: ServiceEntry) -> list[Resource]:
    """Read the resources of a service from every source of its provider; a package's win name by name.

    Raises:
        DocumentError: a document or an overlay cannot be used.
    """
    resources: dict[str, Resource] = {}
    for source in sorted(sources, key=lambda s: not s.packaged):
        document = service.document if source.packaged == service.packaged else service.beneath
        if document:
            layer = msgspec.structs.replace(service, document=document)
            for resource in compile_service(source, layer):
                resources.setdefault(resource.name.lower(), resource)
    return list(resources.values())


def compile_service(source: Source, service: ServiceEntry) -> list[Resource]:
    """Read the resources of one service from one source, its overlay applied.

    Raises:
        DocumentError: the document or the overlay cannot be used.
    """
    if source.packaged:
        return read_package_service(source.documents, service)
    file = Path(service.document)
    overlay_path = overlay_file(source, file.name.partition(".")[0])
    overlay = read_overlay(read_document(overlay_path), overlay_path.name) if overlay_path else None
    # Beneath a package's document the service's version is the package's; the file's name has the document's.
    if overlay is not None and overlay.version != file.name.removesuffix(".json").partition(".")[2]:
        overlay = None
    resources = read_resources(
        read_document(file),
        file.name,
        provider=source.provider,
        service=service.name,
        queries=queries(overlay) if overlay else (),
    )
    return apply_overlay(overlay, resources) if overlay else resources


def fill_service(connection: sqlite3.Connection, resources: Sequence[Resource]) -> None:
    """Write the compiled resources of one service."""
    connection.execute(SERVICE_SCHEMA)
    connection.executemany(
        "INSERT OR IGNORE INTO compiled VALUES (?, ?, ?, ?, ?)",
        [(r.name.lower(), r.name, r.form.value, r.description, _packed(r)) for r in resources],
    )


def _packed(resource: Resource) -> bytes:
    return zlib.compress(msgspec.msgpack.encode(resource), _COMPRESSION)
