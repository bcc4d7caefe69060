"""Install a job's packages once for each content, and give every attempt a fresh environment on top of them.

An installation is a *layer*: `<root>/packages/<hash>`, a site-packages folder named after the packages'
bytes and the interpreter. An attempt's environment is four files that point at a layer and at the runtime's
own site-packages, so making one costs under a millisecond. A layer that is missing is installed by this
module run as a program, inside the attempt: the server never waits for pip, and the log has its output.
Contract: ml-jobs-service 2.2.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import json
import lzma
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What an attempt needs for its packages."""

    layer: Path | None = None
    """Where the packages are, or will be once `argv` has run; None when the job has none."""
    argv: tuple[str, ...] = ()
    """The command that makes the layer; empty when it is there already."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Of that command."""


def plan(root: Path, archives: Sequence[str], *, offline: bool = True) -> Installation:
    """Decide what an attempt must do about its packages.

    Parameters:
        root: the state root.
        archives: absolute local paths of wheels and source archives, in the order to install them. One that
        cannot
            be read is not an error here: the command will fail and say so in the job's log.
        offline: whether pip may not ask an index.
    """
    if not archives:
        return Installation()
    try:
        layer = root / "packages" / _digest(archives)
    except OSError:
        layer = root / "packages" / "unreadable"
    if layer.is_dir():
        return Installation(layer=layer)
    order = {"layer": str(layer), "archives": list(archives), "offline": offline}
    return Installation(
        layer=layer,
        argv=(sys.executable, "-m", "tablecloud.jobs.packages", json.dumps(order)),
        environment={
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": os.environ.get("HOME", "/"),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "PYTHONUNBUFFERED": "1",
        },
    )


def create_environment(folder: Path, layer: Path | None) -> None:
    """Make a virtual environment whose packages are a layer's, then the runtime's.

    Raises:
        OSError: it cannot be written.
    """
    base = Path(getattr(sys, "_base_executable", None) or sys.executable)
    site = site_packages(folder)
    site.mkdir(parents=True, exist_ok=True)
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "pyvenv.cfg").write_text(f"home = {base.parent}\ninclude-system-site-packages = false\n")
    for name in ("python", "python3"):
        link = folder / "bin" / name
        if not link.is_symlink():
            link.symlink_to(base)
    if sys.platlibdir != "lib" and not (folder / sys.platlibdir).is_symlink():
        (folder / sys.platlibdir).symlink_to("lib")
    folders = [*([layer] if layer else []), *_runtime_folders()]
    # `addsitedir` and not a bare path, so that .pth files of the layers are followed too.
    lines = [f"import site; site.addsitedir({str(path)!r})\n" for path in folders]
    (site / "_layers.pth").write_text("".join(lines))


def environment_python(folder: Path) -> str:
    """Return the path of an environment's interpreter."""
    return str(folder / "bin" / "python")


def site_packages(folder: Path) -> Path:
    """Return an environment's own packages folder."""
    return folder / "lib" / _VERSION / "site-packages"


def install(layer: Path, archives: Sequence[str], *, offline: bool) -> None:
    """Make the layer of some archives, unless it is there; concurrent calls do it once.

    Raises:
        InstallError: an archive is missing or broken, or something it requires is not to be had.
    """
    for archive in archives:
        _check(Path(archive))
    try:
        if _digest(archives) != layer.name:
            raise InstallError("The packages were replaced while the job was starting.")
        layer.parent.mkdir(parents=True, exist_ok=True)
        with _locked(layer.with_suffix(".lock")):
            if not layer.is_dir():
                _build(layer, archives, offline)
    except OSError as error:
        raise InstallError(f"{error.strerror}: {error.filename}") from error


class InstallError(Exception):
    """The packages of a job cannot be installed; shown as the last line of the installing program."""


def _check(archive: Path) -> None:
    """Look into an archive before pip does, whose words for a damaged one are a traceback.

    Raises:
        InstallError: it is missing or damaged, or holds a file that would land outside of it.
    """
    if not archive.is_file():
        raise InstallError(f"The package {archive} does not exist.")
    try:
        names = _members(archive)
    except (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise InstallError(f"The package {archive} is damaged: {error}.") from error
    for name in names:
        if name.startswith("/") or ".." in name.split("/"):
            raise InstallError(f"The package {archive} holds a file outside of itself: {name}.")


def _members(archive: Path) -> list[str]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            return zipped.namelist()
    with tarfile.open(archive) as tar:
        return tar.getnames()


def _build(layer: Path, archives: Sequence[str], offline: bool) -> None:
    """Install into a throw-away environment, whose packages folder then becomes the layer by a rename."""
    scratch = layer.with_suffix(".new")
    shutil.rmtree(scratch, ignore_errors=True)  # of a build that was killed: the lock is ours
    try:
        create_environment(scratch, None)
        site = site_packages(scratch)
        options = ["--no-build-isolation", *(["--no-index"] if offline else [])]
        _pip(scratch, [*options, "--no-deps", "--upgrade", "--force-reinstall", *archives])
        # Named and pinned, what was just installed is satisfied already; this looks at what it requires.
        if demanding := list(_demanding(site)):
            _pip(scratch, [*options, *demanding])
        (site / "_layers.pth").unlink()
        site.rename(layer)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _demanding(site: Path) -> Iterator[str]:
    """Yield `name==version` of each installed package that requires others."""
    for info in sorted(site.glob("*.dist-info")):
        if "\nRequires-Dist:" in (info / "METADATA").read_text(encoding="utf-8", errors="replace"):
            name, _, version = info.name.removesuffix(".dist-info").rpartition("-")
            yield f"{name}=={version}"


def _pip(environment: Path, arguments: Sequence[str]) -> None:
    """Run `pip install`, passing its output on.

    Raises:
        InstallError: with pip's own words.
    """
    python = environment_python(environment)
    quiet = ["--isolated", "--no-input", "--disable-pip-version-check", "--no-cache-dir"]
    options = ["--progress-bar", "off", "--root-user-action", "ignore", "--no-warn-script-location"]
    variables = {**os.environ, "PYTHONPATH": _bundled_pip()}
    lines: list[str] = []
    with subprocess.Popen(
        [python, "-m", "pip", *quiet, "install", *options, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=variables,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            sys.stdout.write(line)
            lines.append(line.strip())
    if process.returncode:
        raise InstallError(_reason(lines))


def _bundled_pip() -> str:
    """Return the wheel of pip that the interpreter carries, to run pip from; empty where pip is installed.

    Environments made by uv, among others, have none installed.

    Raises:
        InstallError: there is no pip of either kind.
    """
    if importlib.util.find_spec("pip"):
        return ""
    spec = importlib.util.find_spec("ensurepip")
    folders = [sysconfig.get_config_var("WHEEL_PKG_DIR"), *((spec and spec.submodule_search_locations) or ())]
    for folder in filter(None, folders):
        for wheel in sorted(Path(folder).rglob("pip-*.whl")):
            return str(wheel)
    raise InstallError(f"The interpreter {sys.executable} has no pip; install it to run jobs with packages.")


def _reason(lines: Sequence[str]) -> str:
    """Return what pip said went wrong: the last words of a build that failed, then pip's own errors."""
    ends = [number for number, line in enumerate(lines) if line == "[end of output]"]
    words = [lines[number - 1] for number in ends if number]
    words += [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return " ".join(words[:3]) or next(filter(None, reversed(lines)), "pip failed without a word.")


def _digest(archives: Sequence[str]) -> str:
    """Return the name of the layer of some archives.

    Raises:
        OSError: one cannot be read.
    """
    digest = hashlib.sha256(f"{sys.version}\n{sys.executable}\n".encode())
    for archive in archives:
        with Path(archive).open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{Path(archive).name}\n{content}\n".encode())
    return digest.hexdigest()[:32]


def _runtime_folders() -> list[Path]:
    """Return the site-packages folders of the interpreter that the service runs under."""
    paths = sysconfig.get_paths()
    return [Path(path) for path in dict.fromkeys((paths["purelib"], paths["platlib"]))]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main(order: str) -> int:
    """Make the layer that an order of `plan` describes; return the exit status."""
    document = json.loads(order)
    try:
        install(Path(document["layer"]), document["archives"], offline=document["offline"])
    except InstallError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
