"""Documents compiled into the two kinds of index file: the names of everything, a service's resources."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from tablecloud.catalog.model import Resource, ServiceEntry
from tablecloud.catalog.names import DocumentTitle, name_services
from tablecloud.catalog.overlay import apply_overlay, queries, read_overlay
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
    preferred INTEGER, document TEXT, PRIMARY KEY (provider, key)) WITHOUT ROWID;
CREATE TABLE resources (provider TEXT, service TEXT, key TEXT, name TEXT, form TEXT, description TEXT,
    PRIMARY KEY (provider, service, key)) WITHOUT ROWID;
"""
"""Keys are names in lower case: look-up ignores case."""
SERVICE_SCHEMA = "CREATE TABLE compiled (key TEXT PRIMARY KEY, resource BLOB NOT NULL)"

_COMPRESSION = 3


def fill_names(connection: sqlite3.Connection, sources: Sequence[Source], progress: Progress | None) -> None:
    """Write services and the names of all resources."""
    connection.executescript(NAMES_SCHEMA)
    for source in sources:
        key = source.provider.lower()
        outlines = dict(_outlines(source, progress))
        titles = [
            DocumentTitle(name=o.name, version=o.version, file=file.name) for file, o in outlines.items()
        ]
        by_file = {file.name: (file, outline) for file, outline in outlines.items()}
        for service in name_services(titles, preferred_versions(source)):
            file, outline = by_file[service.title.file]
            _write_service(connection, key, service.name, service.preferred, file, outline)


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
        "INSERT INTO services VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
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


def compile_service(source: Source, service: ServiceEntry) -> list[Resource]:
    """Read the resources of one service, its overlay applied.

    Raises:
        DocumentError: the document or the overlay cannot be used.
    """
    file = Path(service.document)
    overlay_path = overlay_file(source, file.name.partition(".")[0])
    overlay = read_overlay(read_document(overlay_path), overlay_path.name) if overlay_path else None
    if overlay is not None and overlay.version != service.version:
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
        "INSERT OR IGNORE INTO compiled VALUES (?, ?)",
        [(r.name.lower(), zlib.compress(msgspec.msgpack.encode(r), _COMPRESSION)) for r in resources],
    )
