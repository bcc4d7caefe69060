"""Find the model behind a name from outside the server: what a batch prediction loads."""

from __future__ import annotations

from pathlib import Path

from tablecloud.errors import JobError
from tablecloud.jobs.models import statements as sql
from tablecloud.jobs.models.records import Version, VersionState
from tablecloud.jobs.models.rows import model_from_row, version_from_row
from tablecloud.jobs.models.validate import Workshop, source_of
from tablecloud.jobs.serving.process import ModelSource
from tablecloud.jobs.serving.settings import ServingSettings
from tablecloud.jobs.store_file import open_reader


def find_source(root: Path, name: str) -> ModelSource:
    """Return what a worker must load for `projects/p/models/m`, or that with `/versions/v`.

    Parameters:
        root: the state root.

    Raises:
        JobError: there is no such model or version, or it is not READY.
    """
    version = _version(root / "jobs.sqlite", name)
    if version.state is not VersionState.READY:
        raise JobError(f"The version {version.path} is {version.state.value}, not READY.")
    return source_of(Workshop(root=root, offline=True, serving=ServingSettings()), version)


def _version(path: Path, name: str) -> Version:
    project, model, version = _parts(name)
    connection = open_reader(path)
    try:
        if version is None:
            row = connection.execute(sql.MODEL, {"project": project, "name": model}).fetchone()
            version = None if row is None else model_from_row(row).default_version
        values = {"project": project, "model": model, "name": version}
        row = connection.execute(sql.VERSION, values).fetchone()
    finally:
        connection.close()
    if row is None:
        raise JobError(
            f"There is no {name}, or it has no default version.", hint="List the models to see their names."
        )
    return version_from_row(row)


def _parts(name: str) -> tuple[str, str, str | None]:
    match name.split("/"):
        case ["projects", project, "models", model]:
            return project, model, None
        case ["projects", project, "models", model, "versions", version]:
            return project, model, version
    raise JobError(f"{name!r} is not the name of a model or a version.")
