"""The documents of a registry package: what its provider says of itself, the resources of a service."""

from __future__ import annotations

from pathlib import Path

from tablecloud.catalog.model import Resource, ServiceEntry
from tablecloud.catalog.readers.openapi import ServicePlace, read_service
from tablecloud.catalog.readers.provider import PackagedProvider, PackagedService, read_provider
from tablecloud.catalog.readers.yaml_text import read_yaml
from tablecloud.errors import DocumentError


def read_package(folder: Path) -> PackagedProvider:
    """Read what a package says of itself.

    Raises:
        DocumentError: its `provider.yaml` cannot be used.
    """
    path = folder / "provider.yaml"
    return read_provider(read_yaml(_bytes(path), str(path)))


def document_path(folder: Path, service: PackagedService) -> Path:
    """Return where the document of a service is; it may be missing."""
    return folder / service.document


def read_package_service(folder: Path, entry: ServiceEntry) -> list[Resource]:
    """Read the resources of one service.

    Raises:
        DocumentError: a document is missing, lies outside of the package, or cannot be used.
    """
    provider = read_package(folder)
    service = next((s for s in provider.services if s.name == entry.name), None)
    if service is None:
        raise DocumentError(f"the package {folder} has no service {entry.name}", hint="pull it again")
    path = document_path(folder, service)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise DocumentError(f"the document of {entry.provider}.{entry.name} lies outside of its package")
    place = ServicePlace(
        provider=entry.provider,
        service=entry.name,
        version=provider.version,
        configs=(service.config, provider.config),
        snake_case=provider.snake_case,
    )
    return read_service(read_yaml(_bytes(path), str(path)), place)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DocumentError(
            f"cannot read the document {path}: {error.strerror}",
            hint="the package lacks it, or is damaged: remove it and pull it again",
        ) from error
