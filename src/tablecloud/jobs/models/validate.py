"""Make a version's own copy of its files, and prove that the model loads, in a process that is thrown away.

Everything is done again from the start when it is repeated after a crash. Contract: ml-jobs-service 1.12,
3.4, 5.2.11.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tablecloud.errors import JobError
from tablecloud.jobs import packages
from tablecloud.jobs.models.records import INTERNAL, INVALID, PRECONDITION, Failure, Version
from tablecloud.jobs.models.stopping import StopSwitch
from tablecloud.jobs.serving.process import ModelError, ModelSource, WorkerLost, WorkerProcess
from tablecloud.jobs.serving.settings import ServingSettings
from tablecloud.jobs.storage import Storage, StorageError

MOST_FILES = 1000
_WORDS = 2000
"""Characters of what an installation said that are kept."""


class CreationFailed(Exception):
    """A version cannot be created; `failure` is what its operation says."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.failure = Failure(code=code, message=message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Where versions are made, and how."""

    root: Path
    """The state root."""
    offline: bool
    """Whether pip must do without an index."""
    serving: ServingSettings

    def folder(self, uid: str) -> Path:
        """Return the folder of a version's files."""
        return self.root / "models" / uid


def source_of(workshop: Workshop, version: Version) -> ModelSource:
    """Return what a worker of a version loads."""
    folder = workshop.folder(version.uid)
    environment = folder / "env"
    return ModelSource(
        model_dir=folder / "model",
        framework=_framework(version.document) or version.framework,
        prediction_class=version.document.get("predictionClass", ""),
        python=packages.environment_python(environment) if _archives(version.document) else sys.executable,
    )


def check_sources(storage: Storage, document: dict[str, Any]) -> None:
    """Look at a version's files before anything is written.

    Raises:
        StorageError: an address is none, there is nothing there, or there are too many files.
    """
    uri = document.get("deploymentUri", "")
    folder = storage.local_path(uri)
    if not folder.is_dir():
        raise StorageError(f"The deployment directory {uri} does not exist.")
    if not sum(1 for _ in files_below(folder)):  # all of them, because there may be too many
        raise StorageError(f"The deployment directory {uri} is empty.")
    for archive in _archives(document):
        if not storage.local_path(archive).is_file():
            raise StorageError(f"The package {archive} does not exist.")


def files_below(folder: Path) -> Iterator[Path]:
    """Return the files of a folder and of those below it, relative to it, sorted.

    Raises:
        StorageError: there are more than 1000, or a link leads out of the folder.
    """
    home, count = folder.resolve(), 0
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names + [name for name in folders if (Path(parent) / name).is_symlink()]):
            path = Path(parent) / name
            if not path.resolve().is_relative_to(home) or not path.is_file():
                raise StorageError(f"{path} is no file of the deployment directory.")
            count += 1
            if count > MOST_FILES:
                raise StorageError(f"The deployment directory has more than {MOST_FILES} files.")
            yield path.relative_to(folder)


def make_version(workshop: Workshop, version: Version, switch: StopSwitch) -> str:
    """Copy a version's files, install its packages, load its model; return its framework.

    Raises:
        CreationFailed: any of that is not possible.
        Stopped: somebody pressed the switch.
    """
    folder = workshop.folder(version.uid)
    try:
        shutil.rmtree(folder, ignore_errors=True)  # of an earlier try that a crash ended
        _copy_model(Storage(workshop.root), version.document["deploymentUri"], folder / "model", switch)
        _install(workshop, version, folder, switch)
        return _load(workshop, source_of(workshop, version), switch)
    except StorageError as error:
        raise CreationFailed(PRECONDITION, f"Field: version.deployment_uri Error: {error.message}") from error
    except OSError as error:
        raise CreationFailed(
            INTERNAL, f"The files of the version cannot be copied: {error.strerror}: {error.filename}"
        ) from error


def _copy_model(storage: Storage, uri: str, target: Path, switch: StopSwitch) -> None:
    source = storage.local_path(uri)
    for name in files_below(source):
        switch.check()
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)
    if not target.is_dir():
        raise StorageError(f"The deployment directory {uri} does not exist, or is empty.")


def _install(workshop: Workshop, version: Version, folder: Path, switch: StopSwitch) -> None:
    uris = _archives(version.document)
    if not uris:
        return
    storage = Storage(workshop.root)
    archives = [_copied(storage, uri, folder / "packages" / str(index)) for index, uri in enumerate(uris)]
    plan = packages.plan(workshop.root, archives, offline=workshop.offline)
    if plan.argv:
        _run(plan, workshop.serving.install_timeout, switch)
    packages.create_environment(folder / "env", plan.layer)


def _copied(storage: Storage, uri: str, folder: Path) -> str:
    """Copy an archive into a folder of its own, since the names of two may be equal; return its path."""
    source = storage.local_path(uri)
    folder.mkdir(parents=True)
    return str(shutil.copyfile(source, folder / source.name))


def _run(plan: packages.Installation, timeout: float, switch: StopSwitch) -> None:
    """Run an installation in a process group of its own, so that a stop ends pip's children, too.

    Raises:
        CreationFailed: it failed, or took too long.
    """
    with subprocess.Popen(
        plan.argv,
        env=dict(plan.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:

        def end() -> None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

        try:
            with switch.ending(end):
                _, said = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            end()
            raise CreationFailed(
                INVALID, f"Create Version failed. The packages were not installed within {timeout:g} s."
            ) from None
    switch.check()
    if process.returncode:
        words = " ".join(said.split())[-_WORDS:] or "The packages cannot be installed."
        raise CreationFailed(INVALID, f"Create Version failed. {words}")


def _load(workshop: Workshop, source: ModelSource, switch: StopSwitch) -> str:
    try:
        with WorkerProcess(source) as worker, switch.ending(worker.kill):
            return worker.load(timeout=workshop.serving.load_timeout)
    except ModelError as error:
        raise CreationFailed(INVALID, _bad_model(error.message)) from error
    except WorkerLost as error:
        switch.check()
        raise CreationFailed(
            INVALID, _bad_model(f"Failed to load model: {error.message} (Error code: 0)")
        ) from error
    except JobError as error:
        raise CreationFailed(INTERNAL, error.message) from error


def _bad_model(text: str) -> str:
    return f'Create Version failed. Bad model detected with error: "{text}"'


def _framework(document: dict[str, Any]) -> str:
    name = str(document.get("framework", ""))
    return "" if name == "FRAMEWORK_UNSPECIFIED" else name


def _archives(document: dict[str, Any]) -> list[str]:
    archives: list[str] = document.get("packageUris", [])
    return archives
