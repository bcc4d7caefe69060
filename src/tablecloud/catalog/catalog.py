"""The catalog: providers, services and resources by name. One open index; reads are safe from any thread."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from tablecloud.catalog.index import Index
from tablecloud.catalog.model import Method, Resource, ResourceEntry, ServiceEntry
from tablecloud.catalog.sources import Progress, Source, google_source, package_sources
from tablecloud.errors import CatalogError, UnknownMethod, UnknownProvider, UnknownResource, UnknownService

_SUGGESTIONS = 3


class Catalog:
    """What the clouds offer, by name. Names are found in any case and shown as the documents spell them.

    Parameters:
        index: names and compiled resources.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self._resources: dict[tuple[str, str, str], Resource] = {}

    @classmethod
    def open(
        cls, root: Path, *, progress: Progress | None = None, sources: Sequence[Source] | None = None
    ) -> Catalog:
        """Open the catalog.

        Parameters:
            root: the application root; the index lies in its folder `catalog` and is built on first use.
            progress: called with (what, done, total) while the names are read.
            sources: where documents come from; the bundled Google documents and the installed registry
                packages unless given.

        Raises:
            DocumentError: the documents are not there.
        """
        if sources is None:
            sources = [google_source(), *package_sources(root)]
        return cls(Index(root, sources, progress))

    @property
    def note(self) -> str:
        """What the user should know about the index: that its disk cannot be written to. Mostly empty."""
        return self._index.note

    def providers(self) -> list[str]:
        """Return the providers' names."""
        return self._index.providers()

    def provider_version(self, provider: str) -> str:
        """Return the version of a provider's documents; empty where they have none.

        Raises:
            UnknownProvider: there is no such provider.
        """
        return self._index.provider_version(self._provider(provider))

    def auth_defaults(self) -> dict[str, str]:
        """Return provider -> the credentials that its registry package asks for, as JSON."""
        return self._index.auth_defaults()

    def services(self, provider: str) -> list[ServiceEntry]:
        """Return the services of a provider, by name.

        Raises:
            UnknownProvider: there is no such provider.
        """
        return self._index.services(self._provider(provider))

    def service(self, provider: str, service: str) -> ServiceEntry:
        """Return one service.

        Raises:
            UnknownProvider: there is no such provider.
            UnknownService: it has no such service.
        """
        entries = self.services(provider)
        found = next((e for e in entries if e.name.lower() == service.lower()), None)
        if found is None:
            raise _unknown(
                UnknownService,
                "service",
                f"{provider}.{service}",
                service,
                (e.name for e in entries),
                provider,
            )
        return found

    def resources(self, provider: str, service: str) -> list[ResourceEntry]:
        """Return the resources of a service in both forms, by name.

        Raises:
            UnknownProvider: there is no such provider.
            UnknownService: it has no such service.
        """
        return self._index.resources(self.service(provider, service))

    def resource(self, path: Sequence[str]) -> Resource:
        """Return a resource with all its methods.

        Parameters:
            path: the parts of its name: `("google", "ml", "projects", "jobs")`; a part may hold dots itself.

        Raises:
            UnknownProvider, UnknownService, UnknownResource: no such name; the message has the nearest ones.
            DocumentError: its document cannot be used.
        """
        provider, service, name = _split(path)
        key = (provider.lower(), service.lower(), name.lower())
        found = (
            self._resources.get(key) or self._index.compiled(*key) or self._compile(provider, service, name)
        )
        self._resources[key] = found
        return found

    def method(self, path: Sequence[str]) -> tuple[Resource, list[Method]]:
        """Return a resource and its methods of a name: several where a table brings resources together.

        Parameters:
            path: the parts of the resource's name and the method's: `("google", "ml", "jobs", "cancel")`.

        Raises:
            UnknownProvider, UnknownService, UnknownResource, UnknownMethod: there is no such name.
            DocumentError: the document cannot be used.
        """
        parts = [part for piece in path for part in piece.split(".")]
        resource = self.resource(parts[:-1])
        methods = [m for m in resource.methods if m.name.lower() == parts[-1].lower()]
        if not methods:
            names = dict.fromkeys(m.name for m in resource.methods)
            raise _unknown(UnknownMethod, "method", ".".join(parts), parts[-1], names, resource.id)
        return resource, methods

    def complete(self, prefix: str) -> list[str]:
        """Return the full names that continue a dotted prefix by one step: provider, service, resource.

        Parameters:
            prefix: what was typed so far, in any case: `goo`, `google.m`, `google.ml.pro`.
        """
        parts = prefix.split(".", 2)
        try:
            names = self._continue(parts)
        except CatalogError:
            return []
        return [name for name in names if name.lower().startswith(prefix.lower())]

    def close(self) -> None:
        """Close the index."""
        self._index.close()

    def _continue(self, parts: Sequence[str]) -> list[str]:
        if len(parts) == 1:
            return self.providers()
        if len(parts) == 2:
            return [f"{e.provider}.{e.name}" for e in self.services(parts[0])]
        return [f"{e.provider}.{e.service}.{e.name}" for e in self.resources(parts[0], parts[1])]

    def _provider(self, name: str) -> str:
        names = self.providers()
        found = next((n for n in names if n.lower() == name.lower()), None)
        if found is None:
            raise _unknown(UnknownProvider, "provider", name, name, names, "")
        return found

    def _compile(self, provider: str, service: str, name: str) -> Resource:
        entry = self.service(provider, service)
        entries = self._index.resources(entry)
        # A service without names is one whose document could not be read: compiling it says why.
        if entries and all(e.name.lower() != name.lower() for e in entries):
            within = f"{entry.provider}.{entry.name}"
            raise _unknown(
                UnknownResource, "resource", f"{within}.{name}", name, (e.name for e in entries), within
            )
        # Listing the names of a packaged service has compiled it.
        listed = self._index.compiled(entry.provider, entry.name, name) if entry.packaged else None
        if listed is not None:
            return listed
        compiled = {r.name.lower(): r for r in self._index.compile(entry)}
        if name.lower() not in compiled:
            raise UnknownResource(f"the service {entry.provider}.{entry.name} has no resources")
        return compiled[name.lower()]


def _split(path: Sequence[str]) -> tuple[str, str, str]:
    """Split a name into provider, service and resource.

    Raises:
        UnknownResource: fewer than three parts.
    """
    parts = [part for piece in path for part in piece.split(".")]
    if len(parts) < 3:
        raise UnknownResource(
            f"'{'.'.join(parts)}' does not name a resource",
            hint="write provider.service.resource, such as google.ml.jobs",
        )
    return parts[0], parts[1], ".".join(parts[2:])


def _unknown(
    kind: type[CatalogError], word: str, shown: str, name: str, names: Iterable[str], within: str
) -> CatalogError:
    """Make the error for a name that is not there, with the nearest spellings of those that are."""
    from difflib import get_close_matches

    spelled = {n.lower(): n for n in names}
    near = [spelled[key] for key in get_close_matches(name.lower(), spelled, _SUGGESTIONS, 0.5)]
    listing = {
        "provider": "SHOW PROVIDERS",
        "service": f"SHOW SERVICES IN {within}",
        "resource": f"SHOW RESOURCES IN {within}",
        "method": f"SHOW METHODS IN {within}",
    }[word]
    meant = f"; did you mean {_either(near)}?" if near else ""
    return kind(f"unknown {word} '{shown}'{meant}", hint=f"{listing} lists what there is")


def _either(names: Sequence[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
