"""The attempt's folder as the server sees it: write what a supervisor needs, read what it said.

Every executor goes through here, so a supervisor finds the same files wherever it runs. The names of the
files are in `shim.folder`, which the supervisor has too. Contract: ml-jobs-service 5.2, 5.3.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import marshal
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from tablecloud.errors import ExecutorError
from tablecloud.jobs import packages
from tablecloud.jobs.executors import Ref, shim
from tablecloud.jobs.executors.shim import folder as files
from tablecloud.jobs.executors.shim.program import Process
from tablecloud.jobs.model import AttemptSpec, ReplicaSpec, ReplicaState, ReplicaStatus

ENVIRONMENT, WORK, ERRORS = "env", "work", "shim.err"
VANISHED = "its supervisor vanished without saying how it ended"
FOREIGN = "its supervisor was told to end from outside the service"
_SHIM_FOLDER = "shim"
_SHIM_PROGRAM = """
import os, sys
os.closerange(3, 1 << 20)
sys.path.insert(0, sys.argv[1])
try:
    from shim.supervise import main
    main(sys.argv[2])
except BaseException as error:
    sys.excepthook(type(error), error, error.__traceback__)
    sys.stderr.flush()
    os._exit(1)
os._exit(0)
"""
"""What the supervisor's interpreter is told. A pipe that the server inherited must not be held open for the
length of a job; and the interpreter's own tidying up at the end takes milliseconds."""


def supervisor_argv(home: str, folder: str) -> list[str]:
    """Return the command of a supervisor.

    Parameters:
        home: the attempt's folder, where its code is.
        folder: the one whose `spec.json` it runs; the same, where there is one supervisor for all replicas.
    """
    return [sys.executable, "-I", "-S", "-B", "-c", _SHIM_PROGRAM, home, folder]


def supervisor_environment(attempt_id: str) -> dict[str, str]:
    """Return the environment of a supervisor."""
    return {"PATH": os.defpath, "LANG": "C.UTF-8", files.ATTEMPT_VARIABLE: attempt_id}


def check_ref(ref: Ref, name: str) -> None:
    """Refuse a reference that another kind of executor made: looking it up here would find nothing.

    Raises:
        ExecutorError: it is another's.
    """
    owner = ref.get("executor", "process")
    if owner != name:
        raise ExecutorError(
            f"attempt {ref['attempt_id']} was started by the executor {owner!r} and this server has {name!r}",
            hint=f"serve with --executor {owner} until its jobs have ended",
        )


def write_supervisor(home: Path) -> None:
    """Put the supervisor's code into an attempt's folder.

    Raises:
        OSError: it cannot be written.
    """
    (home / _SHIM_FOLDER).mkdir(exist_ok=True)
    for name, code in supervisor_code().items():
        (home / _SHIM_FOLDER / name).write_bytes(code)


@cache
def supervisor_code() -> dict[str, bytes]:
    """Return the supervisor's modules compiled, which saves each start the milliseconds of compiling them."""
    modules = Path(shim.__file__).parent.glob("*.py")
    head = importlib.util.MAGIC_NUMBER + bytes(12)
    return {
        f"{module.stem}.pyc": head + marshal.dumps(compile(module.read_bytes(), module.name, "exec"))
        for module in modules
    }


def supervisor_spec(
    spec: AttemptSpec, installation: packages.Installation, *, wake: Path, replicas: Sequence[ReplicaSpec]
) -> dict[str, Any]:
    """Return what a supervisor of some of an attempt's replicas reads."""
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
        "replicas": [_replica(replica, identified) for replica in replicas],
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


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, which keeps other servers out of it and supervisors never take."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def read_document(path: Path, token: str) -> dict[str, Any] | None:
    """Return a state document; None when there is none, or it carries another token."""
    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return document if document.get("token") == token else None


def replica_status(replica: dict[str, Any]) -> ReplicaStatus:
    """Return a replica of a state document as the scheduler knows it."""
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


def last_words(folder: Path) -> str:
    """Return the last line that a supervisor wrote to its standard error; empty when it wrote none."""
    try:
        said = (folder / ERRORS).read_text(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return said[-1] if said else ""


def write_never_begun(folder: Path, ref: Ref, *, failed: str | None = None, detail: str = "") -> None:
    """Write the end of a folder's replicas, whose supervisor is kept from ever beginning.

    Raises:
        OSError: it cannot be written.
    """
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
        "failed": failed,
        "detail": detail,
    }
    files.replace(str(folder / files.EXIT), json.dumps(document).encode(), sync=True)


def remove_environment(home: Path) -> None:
    """Remove what an ended attempt needs no more; its log, its end and the files of its program stay."""
    shutil.rmtree(home / ENVIRONMENT, ignore_errors=True)
    shutil.rmtree(home / _SHIM_FOLDER, ignore_errors=True)
    work = home / WORK
    if work.is_dir() and not any(work.iterdir()):
        work.rmdir()
