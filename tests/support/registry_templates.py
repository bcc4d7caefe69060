"""The transforms of the registry's packages, read from the packages themselves; never copied here."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest


def registry_folder() -> Path:
    """Return the folder of the registry's packages; skip the test where there is none."""
    named = os.environ.get("TABLECLOUD_TEST_REGISTRY")
    above = [folder / "shared" / "registry" / "dist" for folder in Path(__file__).resolve().parents]
    for folder in [Path(named) / "dist"] if named else above:
        if folder.is_dir():
            return folder
    pytest.skip("no registry packages; TABLECLOUD_TEST_REGISTRY names a folder with a `dist` of them")


@cache
def transforms() -> tuple[tuple[str, str, str], ...]:
    """Return each different (request or response, type, body) of every package."""
    found = {block for package in sorted(registry_folder().glob("*/*.tgz")) for block in _of_package(package)}
    return tuple(sorted(found))


def _of_package(package: Path) -> Iterator[tuple[str, str, str]]:
    import ryaml

    with tarfile.open(package) as archive:
        for member in archive:
            if member.isfile() and member.name.endswith(".yaml"):
                file = archive.extractfile(member)
                text = file.read().decode() if file else ""
                for side, block in _blocks(text):
                    transform: Any = ryaml.loads(block)["transform"]
                    if isinstance(transform, dict) and "type" in transform:
                        yield side, transform["type"], transform.get("body") or ""


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield the YAML text of every `transform` block; reading whole documents takes minutes."""
    lines = text.split("\n") if "transform:" in text else []
    for start, line in enumerate(lines):
        if line.lstrip().startswith("transform:"):
            indent = _indent(line)
            end = start + 1
            while end < len(lines) and (not lines[end].strip() or _indent(lines[end]) > indent):
                end += 1
            above = next(n for n in range(start, -1, -1) if lines[n].strip() and _indent(lines[n]) < indent)
            yield lines[above].strip().rstrip(":"), "\n".join(lines[start:end])


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
