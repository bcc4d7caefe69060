"""Small packages to install: source archives and wheels, good and bad."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path


def source_archive(
    folder: Path,
    name: str,
    *,
    requires: Sequence[str] = (),
    setup: str = "",
    modules: Mapping[str, str] | None = None,
    extra: Mapping[str, str] | None = None,
) -> Path:
    """A source archive as `python setup.py sdist` makes it; `extra` adds members under any name."""
    text = f"{setup}\nfrom setuptools import setup\nsetup(name={name!r}, version='0.1', packages=[{name!r}], "
    text += f"install_requires={list(requires)!r})\n"
    files = {f"{name}-0.1/setup.py": text, f"{name}-0.1/{name}/__init__.py": ""}
    for module, content in (modules or {}).items():
        files[f"{name}-0.1/{name}/{module}.py"] = content
    path = folder / f"{name}-0.1.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for member, content in {**files, **(extra or {})}.items():
            info = tarfile.TarInfo(member)
            info.size = len(content.encode())
            archive.addfile(info, io.BytesIO(content.encode()))
    return path


def wheel(
    folder: Path,
    name: str,
    *,
    requires: Sequence[str] = (),
    modules: Mapping[str, str] | None = None,
    extra: Mapping[str, str] | None = None,
) -> Path:
    """A pure wheel."""
    info = f"{name}-0.1.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n"
    metadata += "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    files = {
        f"{name}/__init__.py": "",
        **{f"{name}/{module}.py": content for module, content in (modules or {}).items()},
        **(extra or {}),
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{member},,\n" for member in (*files, f"{info}/RECORD"))
    path = folder / f"{name}-0.1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in files.items():
            archive.writestr(member, content)
    return path
