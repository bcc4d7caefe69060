"""Run attempts as processes of this machine, each under a `shim` that outlives the server.

State is in the attempt's folder alone, so a server that starts anew sees what the former one would have seen.
Contract: ml-jobs-service 5.2, 5.3 (local). Linux only.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from tablecloud.errors import ExecutorError
from tablecloud.jobs import packages
from tablecloud.jobs.executors import Ref, attempt_folder, processes
from tablecloud.jobs.executors.attempt_folder import read_document, replica_status
from tablecloud.jobs.executors.shim import folder as files
from tablecloud.jobs.model import AttemptSpec, Observation, Reason, ReplicaStatus


class ProcessExecutor:
    """Runs attempts as local processes.

    Parameters:
        root: the state root; packages are cached below it, and `<root>/wake` is where supervisors wake the
        server.
        accelerators: what attempts share, by the names that CUDA_VISIBLE_DEVICES takes.

    Raises:
        ExecutorError: this machine lacks what the supervisor stands on.
    """

    name = "process"

    def __init__(self, root: Path, accelerators: tuple[str, ...] = ()) -> None:
        if sys.platform != "linux" or not hasattr(os, "pidfd_open"):
            raise ExecutorError(
                f"jobs cannot run as processes on {sys.platform}: their supervision needs Linux 5.3 or later",
                hint="run the job service on Linux, for instance in a container",
            )
        self._root = root
        self._accelerators = accelerators
        self._lock = threading.Lock()
        self._spawned: dict[str, list[int]] = {}

    def plan_ref(self, spec: AttemptSpec) -> Ref:
        """Name the folder of an attempt. Pure."""
        return {"folder": spec.folder, "attempt_id": spec.attempt_id, "token": spec.token}

    def start(self, spec: AttemptSpec, ref: Ref) -> None:
        """Start the supervisor of an attempt, or leave the one that was started already alone.

        Raises:
            ExecutorError: the folder cannot be written or the supervisor cannot be started.
        """
        attempt_folder.check_ref(ref, self.name)
        folder = Path(ref["folder"])
        if (folder / files.STARTED).exists():
            return
        try:
            self._prepare_folder(spec, folder)
            pid = _spawn_shim(folder, spec.attempt_id)
        except OSError as error:
            raise ExecutorError(
                f"cannot start attempt {spec.attempt_id}: {error.strerror}: {error.filename or folder}"
            ) from error
        with self._lock:
            self._spawned.setdefault(spec.attempt_id, []).append(pid)

    def observe(self, ref: Ref) -> Observation:
        """Say what is known of an attempt.

        `replicas` is empty until its supervisor has begun. One that was planned and never started, or whose
        supervisor another server started a moment ago, reads as lost: calling `start` is right in both cases.
        """
        attempt_folder.check_ref(ref, self.name)
        folder = Path(ref["folder"])
        alive = self._collect(ref["attempt_id"])  # first of all: what is dead now has written all it will
        # In this order: the lock is taken before `started` appears, so a free lock seen after it is an end.
        begun = (folder / files.STARTED).exists()
        if processes.lock_held(folder):
            return _observation(read_document(folder / files.STATE, ref["token"]), finished=False)
        if begun:
            document = read_document(folder / files.EXIT, ref["token"])
            return _observation(document, finished=True) if document else _lost(folder, ref)
        return Observation(replicas=()) if alive else _lost(folder, ref)

    def stop(self, ref: Ref) -> None:
        """Begin the stop sequence; an attempt that was never begun ends at once and will never begin.

        Raises:
            ExecutorError: the request cannot be written.
        """
        attempt_folder.check_ref(ref, self.name)
        folder = Path(ref["folder"])
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (folder / files.STOP).touch()
            if files.claim(str(folder), ref["token"]):
                attempt_folder.write_never_begun(folder, ref)
                return
        except OSError as error:
            raise ExecutorError(f"cannot stop attempt {ref['attempt_id']}: {error.strerror}") from error
        self._signal_shim(folder, ref, signal.SIGTERM)

    def cleanup(self, ref: Ref) -> None:
        """End every process of an attempt and remove its environment; its log, its end and its files stay.

        Raises:
            ExecutorError: a process does not die.
        """
        attempt_folder.check_ref(ref, self.name)
        folder = Path(ref["folder"])
        if folder.exists():
            files.claim(str(folder), ref["token"])
        if processes.lock_held(folder):
            self._signal_shim(folder, ref, signal.SIGKILL)
        # A supervisor that wrote its end has reaped everything: there is nothing to look for.
        if not (folder / files.EXIT).exists() or processes.lock_held(folder):
            processes.sweep(ref["attempt_id"])
        self._collect(ref["attempt_id"])
        attempt_folder.remove_environment(folder)

    def _prepare_folder(self, spec: AttemptSpec, folder: Path) -> None:
        """Write everything the supervisor needs, once; `spec.json` comes last and stands for the rest."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Locked, because another start of the attempt may be under way, and its supervisor reading.
        with attempt_folder.locked(folder):
            if not (folder / files.SPEC).exists():
                self._write_folder(spec, folder)

    def _write_folder(self, spec: AttemptSpec, folder: Path) -> None:
        (folder / attempt_folder.WORK).mkdir(exist_ok=True)
        attempt_folder.write_supervisor(folder)
        installation = packages.plan(self._root, spec.packages, offline=spec.offline)
        packages.create_environment(folder / attempt_folder.ENVIRONMENT, installation.layer)
        document = attempt_folder.supervisor_spec(
            spec, installation, wake=self._root / "wake", replicas=spec.replicas
        )
        if self._accelerators:
            shared = self._root / "accelerators"
            shared.mkdir(mode=0o700, exist_ok=True)
            document["accelerators"] = {"folder": str(shared), "names": list(self._accelerators)}
        files.replace(str(folder / files.SPEC), json.dumps(document).encode(), sync=True)

    def _collect(self, attempt_id: str) -> bool:
        """Reap the supervisors of an attempt that ended; say whether one that this server started lives."""
        with self._lock:
            living = [pid for pid in self._spawned.pop(attempt_id, ()) if not _reaped(pid)]
            if living:
                self._spawned[attempt_id] = living
            return bool(living)

    def _signal_shim(self, folder: Path, ref: Ref, number: int) -> None:
        if document := read_document(folder / files.STATE, ref["token"]):
            processes.signal_identified(document["shim"], number)


def _spawn_shim(folder: Path, attempt_id: str) -> int:
    """Start the supervisor in a session of its own and return its pid."""
    write = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        sys.executable,
        attempt_folder.supervisor_argv(str(folder), str(folder)),
        attempt_folder.supervisor_environment(attempt_id),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(folder / attempt_folder.ERRORS), write, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigmask=[],
        setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD],
    )


def _reaped(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def _observation(document: dict[str, Any] | None, *, finished: bool) -> Observation:
    if document is None:
        return Observation(replicas=())
    replicas = tuple(replica_status(replica) for replica in document["replicas"])
    signalled_at = document["signalled_at"]
    # A stop that the service did not ask for, such as the machine's own shutdown, is a loss and no answer,
    # unless the program had ended before.
    foreign = signalled_at is not None and not document["stop_asked"] and not _ended_itself(replicas[0])
    return Observation(
        replicas=replicas,
        finished=finished,
        lost=finished and foreign,
        failed=Reason(document["failed"]) if document["failed"] else None,
        detail=attempt_folder.FOREIGN if foreign else document["detail"],
        signalled_at=signalled_at,
    )


def _ended_itself(replica: ReplicaStatus) -> bool:
    return replica.ended is not None and not replica.stopped


def _lost(folder: Path, ref: Ref) -> Observation:
    """Return the observation of an attempt whose supervisor vanished, with what it last said."""
    document = read_document(folder / files.STATE, ref["token"]) or {"replicas": [], "signalled_at": None}
    statuses = [r if r["state"] == "EXITED" else r | {"state": "LOST"} for r in document["replicas"]]
    return Observation(
        replicas=tuple(replica_status(status) for status in statuses),
        lost=True,
        detail=attempt_folder.last_words(folder) or attempt_folder.VANISHED,
        signalled_at=document["signalled_at"],
    )
