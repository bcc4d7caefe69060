"""Run attempts as processes of this machine, each under a `shim` that outlives the server.

State is in the attempt's folder alone, so a server that starts anew sees what the former one would have seen.
Contract: ml-jobs-service 5.2, 5.3 (local). Linux only.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import marshal
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from tablecloud.errors import ExecutorError
from tablecloud.jobs import packages
from tablecloud.jobs.executors import Ref, processes, shim
from tablecloud.jobs.executors.shim import folder as files
from tablecloud.jobs.executors.shim.program import Process
from tablecloud.jobs.model import AttemptSpec, Observation, Reason, ReplicaSpec, ReplicaState, ReplicaStatus

_SHIM_FOLDER = "shim"
_SHIM_ERRORS = "shim.err"
_SHIM_PROGRAM = """
import os, sys
os.closerange(3, 1 << 20)
sys.path.insert(0, sys.argv[1])
try:
    from shim.supervise import main
    main(sys.argv[1])
except BaseException as error:
    sys.excepthook(type(error), error, error.__traceback__)
    sys.stderr.flush()
    os._exit(1)
os._exit(0)
"""
"""What the supervisor's interpreter is told. A pipe that the server inherited must not be held open for the
length
of a job; and the interpreter's own tidying up at the end takes milliseconds."""


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
        folder = Path(ref["folder"])
        alive = self._collect(ref["attempt_id"])  # first of all: what is dead now has written all it will
        # In this order: the lock is taken before `started` appears, so a free lock seen after it is an end.
        begun = (folder / files.STARTED).exists()
        if processes.lock_held(folder):
            return _observation(_read_state(folder / files.STATE, ref), finished=False)
        if begun:
            document = _read_state(folder / files.EXIT, ref)
            return _observation(document, finished=True) if document else _lost(folder, ref)
        return Observation(replicas=()) if alive else _lost(folder, ref)

    def stop(self, ref: Ref) -> None:
        """Begin the stop sequence; an attempt that was never begun ends at once and will never begin.

        Raises:
            ExecutorError: the request cannot be written.
        """
        folder = Path(ref["folder"])
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (folder / files.STOP).touch()
            if files.claim(str(folder), ref["token"]):
                files.replace(str(folder / files.EXIT), _never_begun(folder, ref), sync=True)
                return
        except OSError as error:
            raise ExecutorError(f"cannot stop attempt {ref['attempt_id']}: {error.strerror}") from error
        self._signal_shim(folder, ref, signal.SIGTERM)

    def cleanup(self, ref: Ref) -> None:
        """End every process of an attempt and remove its environment; its log, its end and its files stay.

        Raises:
            ExecutorError: a process does not die.
        """
        folder = Path(ref["folder"])
        if folder.exists():
            files.claim(str(folder), ref["token"])
        if processes.lock_held(folder):
            self._signal_shim(folder, ref, signal.SIGKILL)
        # A supervisor that wrote its end has reaped everything: there is nothing to look for.
        if not (folder / files.EXIT).exists() or processes.lock_held(folder):
            processes.sweep(ref["attempt_id"])
        self._collect(ref["attempt_id"])
        shutil.rmtree(folder / "env", ignore_errors=True)
        shutil.rmtree(folder / _SHIM_FOLDER, ignore_errors=True)
        work = folder / "work"
        if work.is_dir() and not any(work.iterdir()):
            work.rmdir()

    def _prepare_folder(self, spec: AttemptSpec, folder: Path) -> None:
        """Write everything the supervisor needs, once; `spec.json` comes last and stands for the rest."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Locked, because another start of the attempt may be under way, and its supervisor reading.
        with _locked(folder):
            if not (folder / files.SPEC).exists():
                self._write_folder(spec, folder)

    def _write_folder(self, spec: AttemptSpec, folder: Path) -> None:
        (folder / "work").mkdir(exist_ok=True)
        (folder / _SHIM_FOLDER).mkdir(exist_ok=True)
        for name, code in _shim_code().items():
            (folder / _SHIM_FOLDER / name).write_bytes(code)
        installation = packages.plan(self._root, spec.packages, offline=spec.offline)
        packages.create_environment(folder / "env", installation.layer)
        document = _shim_spec(spec, installation, wake=self._root / "wake")
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
        if document := _read_state(folder / files.STATE, ref):
            processes.signal_identified(document["shim"], number)


def _shim_spec(spec: AttemptSpec, installation: packages.Installation, wake: Path) -> dict[str, Any]:
    """Return what the supervisor reads."""
    identified = {files.ATTEMPT_VARIABLE: spec.attempt_id}
    step = {
        "name": "service",
        "argv": list(installation.argv),
        "environment": {**installation.environment, **identified},
        "cwd": spec.folder,
    }
    return {
        "attempt_id": spec.attempt_id,
        "token": spec.token,
        "port_mark": spec.token,
        "grace_seconds": spec.grace_seconds,
        "log_limit_bytes": spec.log_limit_bytes,
        "notices": list(spec.notices),
        "wake": str(wake),
        "prepare": [step] if installation.argv else [],
        "replicas": [_replica(replica, identified) for replica in spec.replicas],
    }


def _replica(replica: ReplicaSpec, identified: dict[str, str]) -> dict[str, Any]:
    return {
        "name": replica.name,
        "argv": list(replica.argv),
        "environment": {**replica.environment, **identified},
        "cwd": replica.cwd,
        "memory_bytes": replica.memory_bytes,
        "accelerators": replica.accelerators,
    }


@cache
def _shim_code() -> dict[str, bytes]:
    """Return the supervisor's modules compiled, which saves each start the milliseconds of compiling them."""
    modules = Path(shim.__file__).parent.glob("*.py")
    head = importlib.util.MAGIC_NUMBER + bytes(12)
    return {
        f"{module.stem}.pyc": head + marshal.dumps(compile(module.read_bytes(), module.name, "exec"))
        for module in modules
    }


def _spawn_shim(folder: Path, attempt_id: str) -> int:
    """Start the supervisor in a session of its own and return its pid."""
    write = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    environment = {"PATH": os.defpath, "LANG": "C.UTF-8", files.ATTEMPT_VARIABLE: attempt_id}
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-I", "-S", "-B", "-c", _SHIM_PROGRAM, str(folder)],
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(folder / _SHIM_ERRORS), write, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigmask=[],
        setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD],
    )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    fd = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _reaped(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def _read_state(path: Path, ref: Ref) -> dict[str, Any] | None:
    """Return a state document of this attempt; None when there is none, or it carries another token."""
    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return document if document.get("token") == ref["token"] else None


def _observation(document: dict[str, Any] | None, *, finished: bool) -> Observation:
    if document is None:
        return Observation(replicas=())
    replicas = tuple(_status(replica) for replica in document["replicas"])
    signalled_at = document["signalled_at"]
    # A stop that the service did not ask for, such as the machine's own shutdown, is a loss and no answer,
    # unless the program had ended before.
    foreign = signalled_at is not None and not document["stop_asked"] and not _ended_itself(replicas[0])
    return Observation(
        replicas=replicas,
        finished=finished,
        lost=finished and foreign,
        failed=Reason(document["failed"]) if document["failed"] else None,
        detail="its supervisor was told to end from outside the service" if foreign else document["detail"],
        signalled_at=signalled_at,
    )


def _ended_itself(replica: ReplicaStatus) -> bool:
    return replica.ended is not None and not replica.stopped


def _status(replica: dict[str, Any]) -> ReplicaStatus:
    return ReplicaStatus(
        name=replica["name"],
        state=ReplicaState(replica["state"]),
        exit_code=replica["exit_code"],
        signal=replica["signal"],
        started=replica["started"],
        ended=replica["ended"],
        out_of_memory=replica["out_of_memory"],
        stopped=replica["stopped"],
    )


def _lost(folder: Path, ref: Ref) -> Observation:
    """Return the observation of an attempt whose supervisor vanished, with what it last said."""
    document = _read_state(folder / files.STATE, ref) or {"replicas": [], "signalled_at": None}
    statuses = [r if r["state"] == "EXITED" else r | {"state": "LOST"} for r in document["replicas"]]
    try:
        said = (folder / _SHIM_ERRORS).read_text(errors="replace").strip().splitlines()
    except OSError:
        said = []
    return Observation(
        replicas=tuple(_status(status) for status in statuses),
        lost=True,
        detail=said[-1] if said else "its supervisor vanished without saying how it ended",
        signalled_at=document["signalled_at"],
    )


def _never_begun(folder: Path, ref: Ref) -> bytes:
    """Return the end of an attempt that was stopped before its supervisor began."""
    try:
        specs = json.loads((folder / files.SPEC).read_bytes())["replicas"]
    except (FileNotFoundError, ValueError):
        specs = []
    document = {
        "attempt_id": ref["attempt_id"],
        "token": ref["token"],
        "replicas": [Process(spec).document() for spec in specs],
        "signalled_at": time.time(),
        "stop_asked": True,
        "failed": None,
        "detail": "",
    }
    return json.dumps(document).encode()
