"""The index on disk: one file of names, one file a service, below a folder named after their origin.

    <root>/catalog/<fingerprint>/names.sqlite
    <root>/catalog/<fingerprint>/google.ml.sqlite

A look-up of a known resource opens the service's file alone. A file that is missing, damaged or of another
build is built anew; where nothing can be written the same tables live in memory and `note` says so.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from tablecloud import sqltypes
from tablecloud.catalog import store
from tablecloud.catalog.model import Form, Resource, ResourceEntry, ServiceEntry
from tablecloud.catalog.sources import Progress, Source, fingerprint, provider_version

T = TypeVar("T")

_NAMES = "names"
_SERVICES = """
SELECT name, version, title, description, preferred, document, beneath, packaged FROM services
WHERE provider = ? ORDER BY key
"""
_RESOURCES = "SELECT name, form, description FROM resources WHERE provider = ? AND service = ? ORDER BY key"
_LISTED = "SELECT name, form, description FROM compiled ORDER BY key"
_KEPT_BUILDS = 3
"""Builds of other fingerprints that stay, newest first: two virtual environments may share one root."""
_DAMAGE = (sqlite3.DatabaseError, zlib.error, msgspec.DecodeError)


def reader_stamp() -> str:
    """Return a text that changes when the code that compiles changes, so that no old index outlives it."""
    here = Path(__file__).parent
    files = [Path(sqltypes.__file__)]
    files += [
        Path(e.path)
        for folder in (here, here / "readers")
        for e in os.scandir(folder)
        if e.name.endswith(".py")
    ]
    facts = sorted((str(f), s.st_size, s.st_mtime_ns) for f in files for s in (f.stat(),))
    return f"{zlib.crc32(repr(facts).encode()):08x}"


class Index:
    """Names and compiled resources of a list of sources; built when first asked; safe between threads.

    Parameters:
        root: the application root; the index lies in its folder `catalog`.
        sources: where documents come from; a provider may have one of each kind.
        progress: told about the first build.

    Raises:
        DocumentError: the documents of a source are not there.
    """

    def __init__(self, root: Path, sources: Sequence[Source], progress: Progress | None = None) -> None:
        self.note = ""
        """Why the index lives in memory; empty while it does not."""
        self._sources: dict[str, list[Source]] = {}
        # A package comes before what it lies upon.
        for source in sorted(sources, key=lambda s: not s.packaged):
            self._sources.setdefault(source.provider.lower(), []).append(source)
        self._stamp = "\n".join([f"readers {reader_stamp()}", *(fingerprint(source) for source in sources)])
        self._folder = root / "catalog" / f"{zlib.crc32(self._stamp.encode()):08x}"
        self._progress = progress
        self._lock = threading.RLock()
        self._open: dict[str, sqlite3.Connection] = {}

    def close(self) -> None:
        """Close every file; the index may be used again and opens them anew."""
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()

    def providers(self) -> list[str]:
        """Return the name of each provider, by name; opens no file."""
        return sorted(sources[0].provider for sources in self._sources.values())

    def provider_version(self, provider: str) -> str:
        """Return the version of what a provider's documents came with; empty where there is none."""
        return provider_version(self._sources[provider.lower()][0])

    def auth_defaults(self) -> dict[str, str]:
        """Return provider -> how its package says that calls are authenticated, as JSON.

        Opens no file where there are no packages.
        """
        if not any(source.packaged for sources in self._sources.values() for source in sources):
            return {}
        rows = self._names(lambda c: c.execute("SELECT key, auth FROM providers WHERE auth <> ''").fetchall())
        return {self._sources[key][0].provider: auth for key, auth in rows}

    def services(self, provider: str) -> list[ServiceEntry]:
        """Return the services of a provider (any case), by name."""
        rows = self._names(lambda c: c.execute(_SERVICES, (provider.lower(),)).fetchall())
        sources = self._sources.get(provider.lower())
        spelled = sources[0].provider if sources else provider
        return [
            ServiceEntry(
                provider=spelled,
                name=name,
                version=version,
                title=title,
                description=description,
                preferred=bool(preferred),
                document=document,
                beneath=beneath,
                packaged=bool(packaged),
            )
            for name, version, title, description, preferred, document, beneath, packaged in rows
        ]

    def resources(self, service: ServiceEntry) -> list[ResourceEntry]:
        """Return the resources of a service in both forms, by name.

        Raises:
            DocumentError: a packaged service, which is compiled for its names, has no usable document.
        """
        rows = self._listed(service) if service.packaged else self._named(service)
        return [
            ResourceEntry(
                provider=service.provider,
                service=service.name,
                name=name,
                form=Form(form),
                description=description,
            )
            for name, form, description in rows
        ]

    def _named(self, service: ServiceEntry) -> list[tuple[str, str, str]]:
        keys = (service.provider.lower(), service.name.lower())
        return self._names(lambda c: c.execute(_RESOURCES, keys).fetchall())

    def _listed(self, service: ServiceEntry) -> list[tuple[str, str, str]]:
        file = _file_name(service.provider, service.name)
        with self._lock:
            connection = self._open.get(file) or self._published(file)
            try:
                if connection is not None:
                    return connection.execute(_LISTED).fetchall()
            except _DAMAGE:
                self._discard(file)
            self.compile(service)
            return self._open[file].execute(_LISTED).fetchall()

    def compiled(self, provider: str, service: str, name: str) -> Resource | None:
        """Return a resource of a service compiled before; None where it was not, or has no such resource."""
        file = _file_name(provider, service)
        with self._lock:
            connection = self._open.get(file) or self._published(file)
            if connection is None:
                return None
            try:
                return _look_up(connection, name)
            except _DAMAGE:
                self._discard(file)
                return None

    def compile(self, service: ServiceEntry) -> list[Resource]:
        """Compile a service, keep it for the next time, and return its resources.

        Raises:
            DocumentError: the document cannot be used.
        """
        from tablecloud.catalog.compile import compile_layers, fill_service

        resources = compile_layers(self._sources[service.provider.lower()], service)
        with self._lock:
            self._build(_file_name(service.provider, service.name), lambda c: fill_service(c, resources))
        return resources

    def _names(self, read: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock:
            connection = self._open.get(_NAMES) or self._published(_NAMES)
            if connection is not None:
                try:
                    return read(connection)
                except _DAMAGE:
                    self._discard(_NAMES)
            # Most look-ups never build: the readers are not loaded for them.
            from tablecloud.catalog.compile import fill_names

            sources = [source for of_one in self._sources.values() for source in of_one]
            return read(self._build(_NAMES, lambda c: fill_names(c, sources, self._progress)))

    def _published(self, name: str) -> sqlite3.Connection | None:
        connection = store.open_published(self._path(name), self._stamp)
        if connection is not None:
            self._open[name] = connection
        return connection

    def _build(self, name: str, fill: store.Fill) -> sqlite3.Connection:
        """Publish a file and open it; where that cannot be, build it in memory."""
        self._discard(name)
        connection = None
        try:
            store.publish(self._path(name), self._stamp, fill)
            self._remove_old_builds()
            connection = store.open_published(self._path(name), self._stamp)
        except (OSError, sqlite3.Error) as error:
            self.note = f"the catalog's index cannot be kept in {self._folder.parent}: {error}"
        if connection is None:
            connection = store.build_in_memory(self._stamp, fill)
        self._open[name] = connection
        return connection

    def _discard(self, name: str) -> None:
        connection = self._open.pop(name, None)
        if connection is not None:
            connection.close()

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.sqlite"

    def _remove_old_builds(self) -> None:
        from shutil import rmtree

        # Another process may be doing the same: what is gone already is as good.
        with suppress(OSError):
            others = [f for f in self._folder.parent.iterdir() if f.is_dir() and f != self._folder]
            for folder in sorted(others, key=lambda f: f.stat().st_mtime, reverse=True)[_KEPT_BUILDS:]:
                rmtree(folder, ignore_errors=True)


def _file_name(provider: str, service: str) -> str:
    return f"{provider.lower()}.{service.lower()}"


def _look_up(connection: sqlite3.Connection, name: str) -> Resource | None:
    row = connection.execute("SELECT resource FROM compiled WHERE key = ?", (name.lower(),)).fetchone()
    return msgspec.msgpack.decode(zlib.decompress(row[0]), type=Resource) if row else None
