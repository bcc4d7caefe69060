"""Models as the API needs them: the store, the creations and the workers, started and stopped as one.

Safe to call from any thread. Contract: ml-jobs-service 1.12, 4.
"""

from __future__ import annotations

import secrets
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from tablecloud.clock import Clock
from tablecloud.jobs.models.creation import Creations
from tablecloud.jobs.models.records import (
    Operation,
    Refusal,
    Version,
    VersionState,
    no_such_model,
    no_such_version,
)
from tablecloud.jobs.models.store import ModelStore
from tablecloud.jobs.models.validate import Workshop, check_sources, source_of
from tablecloud.jobs.serving.pool import Deployment, Pool
from tablecloud.jobs.serving.settings import ServingSettings
from tablecloud.jobs.storage import Storage, StorageError
from tablecloud.jobs.store import Store

_USE_SECONDS = 1.0
"""How exact `lastUseTime` is: a write for every prediction would cost more than the prediction."""


class ModelService:
    """The models of one state root.

    Parameters:
        store: open; closed by the caller, after this.
    """

    def __init__(
        self, store: Store, *, root: Path, serving: ServingSettings, offline: bool, clock: Clock
    ) -> None:
        self.store = ModelStore(store)
        self.settings = serving
        self._clock = clock
        self._workshop = Workshop(root=root, offline=offline, serving=serving)
        self._creations = Creations(self.store, self._workshop, clock)
        self._pool = Pool(serving)
        self._lock = threading.Lock()
        self._used: dict[str, float] = {}

    def start(self) -> None:
        """Take up the creations that an earlier process left."""
        self._creations.recover()

    def stop(self) -> None:
        """End all workers; creations under way go on at the next start. Safe to call twice."""
        self._creations.close()
        self._pool.close()

    def create_version(self, project: str, model: str, name: str, document: dict[str, Any]) -> Operation:
        """Begin to create a version; what its document says is checked already, but for its files.

        Raises:
            Refusal: NOT_FOUND, ALREADY_EXISTS; FAILED_PRECONDITION for files that cannot be used.
        """
        if self.store.model(project, model) is None:
            raise no_such_model()
        try:
            check_sources(Storage(self._workshop.root), document)
        except StorageError as error:
            raise Refusal("FAILED_PRECONDITION", "version.deployment_uri", error.message) from error
        version = Version(
            uid=secrets.token_hex(8),
            project=project,
            model=model,
            name=name,
            state=VersionState.CREATING,
            document=document,
            create_time=round(self._clock.now(), 6),
        )
        operation = self.store.create_version(version)
        self._creations.begin(operation)
        return operation

    def delete_version(self, project: str, model: str, name: str) -> Operation:
        """Delete a version, its workers and its files.

        Raises:
            Refusal: as `ModelStore.delete_version`.
        """
        operation = self.store.delete_version(project, model, name, now=self._clock.now())
        uid = operation.version_uid or ""
        self._pool.forget(uid)
        self._creations.remove_files(uid)
        return operation

    def cancel(self, operation: Operation) -> None:
        """Ask for the end of an operation; one that has ended stays as it is."""
        self._creations.cancel(operation)

    def servable(self, project: str, model: str, name: str | None) -> Version:
        """Return the version that answers for a model: the named one, or the default.

        Raises:
            Refusal: NOT_FOUND; FAILED_PRECONDITION where there is no default, or it is not READY.
        """
        found = self.store.model(project, model)
        if found is None:
            raise no_such_model()
        chosen = name or found.default_version
        if chosen is None:
            raise Refusal("FAILED_PRECONDITION", "name", "The model has no default version.")
        version = self.store.version(project, model, chosen)
        if version is None:
            raise no_such_version()
        if version.state is not VersionState.READY:
            raise Refusal("FAILED_PRECONDITION", "name", f"The version is {version.state.value}, not READY.")
        return version

    def ask(self, version: Version, frame: bytes) -> Future[bytes]:
        """Send a request of `serving.worker` to a version; errors are those of `Pool.ask`."""
        future = self._pool.ask(self._deployment(version), frame)
        self._note_use(version)
        return future

    def _deployment(self, version: Version) -> Deployment:
        least, most = nodes_of(version.document)
        return Deployment(
            key=version.uid, source=source_of(self._workshop, version), nodes=most, keep=least > 0
        )

    def _note_use(self, version: Version) -> None:
        now = self._clock.now()
        with self._lock:
            if now < self._used.get(version.uid, 0.0) + _USE_SECONDS:
                return
            self._used[version.uid] = now
        self.store.note_use(version.uid, at=now)


def nodes_of(document: dict[str, Any]) -> tuple[int, int]:
    """Return how many workers a version keeps, and how many it may have."""
    if "manualScaling" in document:
        nodes = document["manualScaling"].get("nodes", 1)
        return nodes, nodes
    scaling = document.get("autoScaling", {})
    least = scaling.get("minNodes", 0)
    return least, max(1, least, scaling.get("maxNodes", 1))
