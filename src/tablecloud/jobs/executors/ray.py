"""Run attempts as jobs of a Ray cluster, on a state root that the server and all nodes mount.

One replica is the job's entrypoint itself; several are actors of a driver, placed together or not at all.
What happened is read from the attempt's folder; Ray is asked whether somebody may still write there.
Contract: ml-jobs-service 5.3 (Ray Jobs).
"""

from __future__ import annotations

import json
import os
import shlex
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tablecloud.errors import ExecutorError
from tablecloud.jobs.executors import Ref, attempt_folder, cluster, processes, ray_driver
from tablecloud.jobs.executors.cluster import Outlook
from tablecloud.jobs.executors.ray_api import RayApi, RayJob
from tablecloud.jobs.executors.shim import folder as files
from tablecloud.jobs.model import AttemptSpec, Observation, ReplicaSpec

_FRESH_SECONDS = 1.0
_GONE_SECONDS = 5.0
_DRIVER = "driver.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class RaySettings:
    """Which cluster attempts run in, and how."""

    address: str = "http://127.0.0.1:8265"
    """Of its dashboard."""
    python: str = "python3"
    """The cluster's own interpreter, which has Ray; runs the drivers of attempts of several replicas."""
    most_cpus: float | None = None
    """What one replica asks for at most; larger machine types are cut to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Snapshot:
    taken: float
    jobs: dict[str, RayJob]


class RayExecutor:
    """Runs attempts in a Ray cluster.

    Parameters:
        root: the state root, at the same path here and on every node.

    Raises:
        SettingError: the address is none.
    """

    name = "ray"

    def __init__(self, root: Path, settings: RaySettings) -> None:
        self._root = root.absolute()
        self._settings = settings
        self._api = RayApi(settings.address, os.environ.get("RAY_AUTH_TOKEN", ""))
        self._snapshot = _Snapshot(taken=float("-inf"), jobs={})

    def plan_ref(self, spec: AttemptSpec) -> Ref:
        """Name the folder and the Ray job of an attempt. Pure."""
        return {**cluster.plan_ref(spec, self.name), "submission_id": f"mljob-{spec.attempt_id}"}

    def start(self, spec: AttemptSpec, ref: Ref) -> None:
        """Submit the job of an attempt; one that exists already is adopted.

        Raises:
            ExecutorError: the folder cannot be written, or Ray refuses.
        """
        attempt_folder.check_ref(ref, self.name)
        if not cluster.prepare(self._root, spec, ref):
            return
        environment = attempt_folder.supervisor_environment(spec.attempt_id)
        options: dict[str, Any] = {
            "runtime_env": {"env_vars": environment},
            "metadata": {"tablecloud_job": f"projects/{spec.project}/jobs/{spec.job_id}"},
        }
        if len(spec.replicas) == 1:
            bundle = self._bundle(spec.replicas[0])
            argv = attempt_folder.supervisor_argv(ref["folder"], _folder(ref, spec.replicas[0]))
            options |= {"entrypoint_num_cpus": bundle["CPU"], "entrypoint_memory": bundle.get("memory", 0)}
        else:
            self._write_driver(spec, ref, environment)
            argv = [self._settings.python, f"{ref['folder']}/{_DRIVER}", ref["folder"]]
        self._api.submit(ref["submission_id"], shlex.join(argv), **options)

    def observe(self, ref: Ref) -> Observation:
        """Say what is known of an attempt.

        Raises:
            ExecutorError: Ray does not answer; nothing is known then.
        """
        attempt_folder.check_ref(ref, self.name)
        return cluster.observe(ref, lambda names: self._look(ref, names))

    def stop(self, ref: Ref) -> None:
        """Begin the stop sequence: the supervisors see it in their folders within a second.

        Ray's own stop would leave a program three seconds, whatever the service says its grace is.

        Raises:
            ExecutorError: the request cannot be written.
        """
        attempt_folder.check_ref(ref, self.name)
        cluster.stop(ref)

    def cleanup(self, ref: Ref) -> None:
        """Have Ray end and forget the job, and wait until no supervisor is left.

        Raises:
            ExecutorError: some are left, or Ray does not answer.
        """
        attempt_folder.check_ref(ref, self.name)
        cluster.fence(ref)
        submission, until = ref["submission_id"], time.monotonic() + _GONE_SECONDS
        if self._api.job(submission) is not None:
            self._api.stop(submission)
        while (job := self._api.job(submission)) and job.may_run:
            _wait(ref, until, f"Ray still runs the job {submission}")
        while any(processes.lock_held(cluster.replica_folder(ref, name)) for name in ref["replicas"]):
            _wait(ref, until, "a supervisor has not ended")
        if job is not None:
            self._api.delete(submission)
        cluster.tidy(ref)

    def _look(self, ref: Ref, names: frozenset[str]) -> Outlook:
        """Return what Ray says of an attempt; before it is taken for gone, Ray is asked about just it."""
        if time.monotonic() - self._snapshot.taken > _FRESH_SECONDS:
            taken = time.monotonic()
            self._snapshot = _Snapshot(taken=taken, jobs=self._api.jobs())
        submission = ref["submission_id"]
        job = self._snapshot.jobs.get(submission)
        if job is None or not job.may_run:
            job = self._api.job(submission)
        if job is None:
            return Outlook(detail="Ray does not know the job any more")
        gone = {name: why for name in names if (why := _why_gone(ref, name)) is not None}
        alive = names - set(gone) if job.may_run else frozenset()
        return Outlook(alive=alive, detail=next(iter(gone.values()), job.message))

    def _bundle(self, replica: ReplicaSpec) -> dict[str, float]:
        """Return what a replica asks Ray for."""
        cpus = (
            replica.cpus if self._settings.most_cpus is None else min(replica.cpus, self._settings.most_cpus)
        )
        memory = int(replica.memory_bytes * (cpus / replica.cpus if replica.cpus else 1.0))
        return {"CPU": cpus, "memory": memory} if memory else {"CPU": cpus}

    def _write_driver(self, spec: AttemptSpec, ref: Ref, environment: dict[str, str]) -> None:
        home = Path(ref["folder"])
        replicas = [
            {
                "name": replica.name,
                "folder": _folder(ref, replica),
                "argv": attempt_folder.supervisor_argv(ref["folder"], _folder(ref, replica)),
                "bundle": self._bundle(replica),
            }
            for replica in spec.replicas
        ]
        order = {"token": spec.token, "environment": environment, "replicas": replicas}
        try:
            files.replace(str(home / ray_driver.ORDER), json.dumps(order).encode())
            (home / _DRIVER).write_bytes(Path(ray_driver.__file__).read_bytes())
        except OSError as error:
            raise ExecutorError(f"cannot start attempt {spec.attempt_id}: {error.strerror}") from error


def _folder(ref: Ref, replica: ReplicaSpec) -> str:
    return str(cluster.replica_folder(ref, replica.name))


def _why_gone(ref: Ref, name: str) -> str | None:
    """Return what the driver said of a replica whose actor died; None while it has not."""
    try:
        text = (cluster.replica_folder(ref, name) / ray_driver.GONE).read_text(errors="replace")
    except FileNotFoundError:
        return None
    return text.strip().partition("\n")[0] or "its actor died"


def _wait(ref: Ref, until: float, why: str) -> None:
    """Wait a moment.

    Raises:
        ExecutorError: it is too late for that.
    """
    if time.monotonic() > until:
        raise ExecutorError(f"attempt {ref['attempt_id']} does not end: {why}")
    time.sleep(0.05)
