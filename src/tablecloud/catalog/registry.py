"""Provider packages from a registry: what it offers; pulling, switching and removing. Does no network.

    <url>/dist/providers.yaml                        what there is
    <url>/dist/<folder>/<version>.tgz                one package

Whoever calls brings what fetches an `https` address; a `file` address is read here. A package is unpacked
beside its place, checked, and moved there in one step; several versions stay, and one of them is in use.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from tablecloud.catalog.archives import unpack
from tablecloud.catalog.installed import (
    ACTIVE,
    folder_of,
    highest,
    installed_versions,
    is_version,
    packages_folder,
    version_key,
)
from tablecloud.catalog.sources import Progress
from tablecloud.errors import DocumentError, SettingError, UnknownProvider

Fetch = Callable[[str], bytes]
"""Returns what lies at an http address; raises `RemoteError`."""

DEFAULT_URL = "https://registry.stackql.app/providers"


class _VerifyConfig(msgspec.Struct, rename={"nop_verify": "nopVerify"}):
    nop_verify: bool = True


class _Config(msgspec.Struct, rename="camel"):
    """`--registry` as users write it; keys that mean nothing here are not looked at."""

    url: str = DEFAULT_URL
    dist_prefix: str = "dist"
    verify_config: _VerifyConfig = msgspec.field(default_factory=_VerifyConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Where packages come from."""

    url: str = DEFAULT_URL
    """`https://…`, `http://…` or `file://…`, without a slash at the end."""
    dist: str = "dist"
    """Path of the packages below the address."""

    def address(self, *parts: str) -> str:
        """Return the address of something below the packages."""
        return "/".join(part for part in (self.url, self.dist, *parts) if part)


def read_registry(text: str) -> Registry:
    """Read `--registry`: a JSON object with `url` and `distPrefix`, or an address; empty is the public one.

    Raises:
        SettingError: it is neither, or asks for something that is not there.
    """
    if not text.strip():
        return Registry()
    if not text.lstrip().startswith("{"):
        text = msgspec.json.encode({"url": text.strip()}).decode()
    try:
        config = msgspec.json.decode(text, type=_Config)
    except msgspec.DecodeError as error:
        raise SettingError(
            f"--registry is not understood: {error}", hint="""such as --registry '{"url": "https://…"}'"""
        ) from None
    if not config.url.startswith(("https://", "http://", "file://")):
        raise SettingError(f"the registry's url {config.url!r} is neither http nor file")
    if not config.verify_config.nop_verify:
        raise SettingError(
            "signatures of provider documents are not checked in this version",
            hint='leave verifyConfig out, or say "nopVerify": true',
        )
    return Registry(url=config.url.rstrip("/"), dist=config.dist_prefix.strip("/"))


def offered(registry: Registry, fetch: Fetch) -> Mapping[str, list[str]]:
    """Return what a registry has: provider -> versions, lowest first.

    Raises:
        RemoteError, DocumentError: its index cannot be had, or is none.
    """
    from tablecloud.catalog.readers.refs import as_list, as_node
    from tablecloud.catalog.readers.yaml_text import read_yaml

    address = registry.address("providers.yaml")
    index = as_node(read_yaml(_read(address, fetch), address).get("providers"))
    found = {}
    for provider, entry in sorted(index.items()):
        versions = [str(each) for each in as_list(as_node(entry).get("versions")) if is_version(str(each))]
        if versions:
            found[str(provider)] = sorted(versions, key=version_key)
    return found


def pull(
    registry: Registry,
    root: Path,
    provider: str,
    version: str,
    fetch: Fetch,
    progress: Progress | None = None,
) -> str:
    """Put a version of a provider's package in use and return it. One that is installed is not fetched again.

    Parameters:
        root: the application root.
        version: empty for the highest that there is.
        progress: told how many documents are unpacked.

    Raises:
        UnknownProvider: the registry does not have it.
        RemoteError, DocumentError: it cannot be had, or cannot be used; what was installed stays as it is.
    """
    _check_name(provider)
    if not version or version not in installed_versions(root, provider):
        provider, version = _choose(offered(registry, fetch), provider, version)
    if version not in installed_versions(root, provider):
        archive = _read(registry.address(folder_of(provider), f"{version}.tgz"), fetch)
        _install(root, provider, version, archive, progress)
    _activate(packages_folder(root) / folder_of(provider), version)
    return version


def remove(root: Path, provider: str, version: str) -> list[str]:
    """Remove a version of a provider's package, or all where none is named; return what was removed.

    Raises:
        UnknownProvider: it is not installed.
    """
    _check_name(provider)
    installed = installed_versions(root, provider)
    chosen = [version] if version else installed
    if not chosen or version not in ("", *installed):
        raise UnknownProvider(
            f"the package {' '.join(filter(None, (provider, version)))} is not installed",
            hint=f"installed: {', '.join(installed) or 'no version of it'}",
        )
    folder = packages_folder(root) / folder_of(provider)
    for each in chosen:
        _discard(folder / each)
    if len(chosen) == len(installed):
        shutil.rmtree(folder, ignore_errors=True)
    return chosen


def _check_name(provider: str) -> None:
    # Names become folders: none may lead anywhere else.
    if re.fullmatch(r"[A-Za-z_][\w-]*", provider) is None:
        raise UnknownProvider(f"{provider!r} is no name of a provider", hint="REGISTRY LIST lists them")


def _choose(offers: Mapping[str, list[str]], provider: str, version: str) -> tuple[str, str]:
    """Return provider and version as the registry spells them."""
    known = next((name for name in offers if name.lower() == provider.lower()), None)
    if known is None:
        from difflib import get_close_matches

        near = get_close_matches(provider, offers, 3, 0.5)
        meant = f"; did you mean {' or '.join(near)}?" if near else ""
        message = f"the registry has no provider {provider}{meant}"
        raise UnknownProvider(message, hint="REGISTRY LIST lists them")
    if version and version not in offers[known]:
        raise UnknownProvider(
            f"the registry has no version {version} of {known}", hint=f"it has {', '.join(offers[known])}"
        )
    return known, version or highest(offers[known])


def _read(address: str, fetch: Fetch) -> bytes:
    if not address.startswith("file://"):
        return fetch(address)
    parts = urlsplit(address)
    # file:///absolute, and file://./relative to where the command runs.
    path = Path(unquote(parts.netloc + parts.path))
    try:
        return path.read_bytes()
    except OSError as error:
        raise DocumentError(f"cannot read {path}: {error.strerror}", hint="is --registry right?") from error


def _install(root: Path, provider: str, version: str, archive: bytes, progress: Progress | None) -> None:
    """Unpack a package beside its place, look whether it can be used, and move it there.

    Raises:
        DocumentError: it cannot be used, or the disk cannot be written to.
    """
    from tablecloud.catalog.packages import read_package

    folder = packages_folder(root) / folder_of(provider)
    draft = folder / f".{version}.{os.getpid()}.{time.monotonic_ns()}"
    try:
        draft.mkdir(parents=True, mode=0o700)
        unpack(archive, draft, f"{provider} {version}", progress)
        name = read_package(draft).name
        if name != provider:
            raise DocumentError(f"the package {provider} {version} is one of {name or 'nobody'}")
        draft.replace(folder / version)
    except OSError as error:
        raise DocumentError(f"cannot install {provider} {version} in {folder}: {error.strerror}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _activate(folder: Path, version: str) -> None:
    draft = folder / f".{ACTIVE}.{os.getpid()}"
    try:
        draft.write_text(version + "\n", encoding="utf-8")
        draft.replace(folder / ACTIVE)
    except OSError as error:
        raise DocumentError(f"cannot put {version} in use in {folder}: {error.strerror}") from error


def _discard(folder: Path) -> None:
    """Move a package out of sight in one step, then delete it: no reader meets half of one."""
    away = folder.with_name(f".{folder.name}.{os.getpid()}.{time.monotonic_ns()}")
    try:
        folder.replace(away)
    except OSError as error:
        raise DocumentError(f"cannot remove {folder}: {error.strerror}") from error
    shutil.rmtree(away, ignore_errors=True)
