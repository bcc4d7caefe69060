"""Installed registry packages: where they lie, which versions there are, which is in use.

    <root>/registry/src/<folder>/<version>/provider.yaml
    <root>/registry/src/<folder>/<version>/services/<service>.yaml
    <root>/registry/src/<folder>/active        the version in use; without it the highest

The folder is called as the provider, but for `google`, whose folder is `googleapis.com`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from zlib import crc32

ACTIVE = "active"
_FOLDERS = {"google": "googleapis.com"}
_VERSION = re.compile(r"v?\d[\w.+-]*")


def packages_folder(root: Path) -> Path:
    """Return the folder of all installed packages."""
    return root / "registry" / "src"


def folder_of(provider: str) -> str:
    """Return what a provider's folder is called."""
    return _FOLDERS.get(provider, provider)


def provider_of(folder: str) -> str:
    """Return the provider whose folder it is."""
    return next((provider for provider, name in _FOLDERS.items() if name == folder), folder)


def is_version(text: str) -> bool:
    """Tell whether a text is a version, and so may name a folder."""
    return _VERSION.fullmatch(text) is not None and ".." not in text


def version_key(version: str) -> tuple[tuple[int, ...], bool, str]:
    """Return what versions are ordered by: numbers, then releases above pre-releases, then the text."""
    numbers, dash, rest = version.removeprefix("v").partition("-")
    return tuple(int(digits) for digits in re.findall(r"\d+", numbers)), not dash, rest


def highest(versions: Iterable[str]) -> str:
    """Return the highest version; empty where there is none."""
    return max(versions, key=version_key, default="")


def installed_versions(root: Path, provider: str) -> list[str]:
    """Return the versions of a provider that are installed, lowest first."""
    folder = packages_folder(root) / folder_of(provider)
    try:
        found = [e.name for e in os.scandir(folder) if e.is_dir() and is_version(e.name)]
    except OSError:
        return []
    return sorted(found, key=version_key)


def active_version(root: Path, provider: str) -> str:
    """Return the version in use: the one that was chosen, else the highest; empty where none is installed."""
    versions = installed_versions(root, provider)
    try:
        chosen = (packages_folder(root) / folder_of(provider) / ACTIVE).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        chosen = ""
    return chosen if chosen in versions else highest(versions)


def installed_providers(root: Path) -> list[str]:
    """Return the providers of which a package is installed, by name."""
    try:
        names = [provider_of(e.name) for e in os.scandir(packages_folder(root)) if e.is_dir()]
    except OSError:
        return []
    return sorted(name for name in names if installed_versions(root, name))


def package_fingerprint(folder: Path) -> str:
    """Return a text that changes when a document of a package changes.

    Raises:
        OSError: the package cannot be read.
    """
    places = [folder / "provider.yaml", *sorted((folder / "services").glob("*.yaml"))]
    facts = [(p.name, s.st_size, s.st_mtime_ns) for p in places for s in (p.stat(),)]
    return f"{folder} {crc32(repr(facts).encode()):08x}"
