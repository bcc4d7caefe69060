"""What executors of several machines share: a supervisor for each replica, their folders on a shared volume.

Every replica has a folder, `<attempt>/replicas/<name>`, and a supervisor that runs only it. The folders say
what happened; the cluster (`Outlook`) only says which supervisors may still write into theirs. From both
follows the observation, and what must happen so that the attempt ends as one: when the primary ended, or
any replica broke, the others are stopped. Contract: ml-jobs-service 5.2, 5.3.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tablecloud.errors import ExecutorError
from tablecloud.jobs import packages
from tablecloud.jobs.executors import Ref, attempt_folder
from tablecloud.jobs.executors.relay import relay
from tablecloud.jobs.executors.shim import folder as files
from tablecloud.jobs.model import AttemptSpec, Observation, Reason, ReplicaState, ReplicaStatus

_KILLED = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What a cluster says of an attempt now."""

    alive: frozenset[str] = frozenset()
    """The replicas that run or may yet begin; of no other will anything be heard."""
    out_of_memory: frozenset[str] = frozenset()
    """Those that the cluster ended for want of memory."""
    failed: Reason | None = None
    """Why some of them will never begin, such as IMAGE_FAILED."""
    detail: str = ""
    """What the cluster says of those that are gone, or will not begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """One replica, from its folder."""

    name: str
    folder: Path
    begun: bool
    state: dict[str, Any] | None
    exit: dict[str, Any] | None

    @property
    def document(self) -> dict[str, Any] | None:
        return self.exit or self.state

    @property
    def status(self) -> ReplicaStatus:
        if self.document is None:
            return ReplicaStatus(name=self.name, state=ReplicaState.PENDING)
        return attempt_folder.replica_status(self.document["replicas"][0])

    @property
    def won(self) -> bool:
        """Whether it ended well and by itself."""
        return self.exit is not None and self.status.exit_code == 0 and not self.status.stopped

    @property
    def broken(self) -> bool:
        """Whether it ended by itself, and badly, or could not begin."""
        if self.exit is None:
            return False
        ended = self.status
        failed = ended.ended is not None and ended.exit_code != 0 and not ended.stopped
        return failed or self.exit["failed"] is not None

    @property
    def foreign(self) -> bool:
        """Whether somebody outside the service ended it, such as a node that is drained."""
        if self.exit is None or self.exit["signalled_at"] is None or self.exit["stop_asked"]:
            return False
        return self.status.ended is None or self.status.stopped


def plan_ref(spec: AttemptSpec, executor: str) -> Ref:
    """Name an attempt's folder and replicas. Pure."""
    return {
        "executor": executor,
        "folder": spec.folder,
        "attempt_id": spec.attempt_id,
        "token": spec.token,
        "replicas": [replica.name for replica in spec.replicas],
        "log_limit_bytes": spec.log_limit_bytes,
    }


def replica_folder(ref: Ref, name: str) -> Path:
    """Return the folder of one replica's supervisor."""
    return Path(ref["folder"]) / "replicas" / name


def prepare(root: Path, spec: AttemptSpec, ref: Ref) -> bool:
    """Write every replica's folder, once; False where all of them were begun, or kept from beginning.

    Raises:
        ExecutorError: the folders cannot be written.
    """
    home = Path(ref["folder"])
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with attempt_folder.locked(home):
            if not (home / files.SPEC).exists():
                _write(root, spec, ref)
    except OSError as error:
        raise ExecutorError(
            f"cannot start attempt {spec.attempt_id}: {error.strerror}: {error.filename or home}"
        ) from error
    return not all((replica_folder(ref, name) / files.STARTED).exists() for name in ref["replicas"])


def _write(root: Path, spec: AttemptSpec, ref: Ref) -> None:
    """Write the folders; the attempt's own `spec.json` comes last and stands for the rest."""
    home = Path(ref["folder"])
    (home / attempt_folder.WORK).mkdir(exist_ok=True)
    attempt_folder.write_supervisor(home)
    installation = packages.plan(root, spec.packages, offline=spec.offline)
    packages.create_environment(home / attempt_folder.ENVIRONMENT, installation.layer)
    for place, replica in enumerate(spec.replicas):
        folder = replica_folder(ref, replica.name)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # What is said of the attempt is said once.
        said = spec if place == 0 else replace(spec, notices=())
        document = attempt_folder.supervisor_spec(said, installation, wake=root / "wake", replicas=[replica])
        files.replace(str(folder / files.SPEC), json.dumps(document).encode())
    files.replace(str(home / files.SPEC), json.dumps({"replicas": ref["replicas"]}).encode(), sync=True)


def observe(ref: Ref, look: Callable[[frozenset[str]], Outlook]) -> Observation:
    """Say what is known of an attempt, move its log on, and stop what must not go on.

    Parameters:
        look: asks the cluster about the replicas of these names, whose folders do not say how they ended.
    """
    seen = _look_into(ref)
    outlook = Outlook()
    if open_ends := frozenset(one.name for one in seen if one.exit is None):
        # Asked first and read again: what is gone by now has written all it ever will.
        outlook = look(open_ends)
        seen = _look_into(ref)
    settled = bool(outlook.out_of_memory) or seen[0].won
    finished = all(one.exit is not None or (settled and one.name not in outlook.alive) for one in seen)
    _relay(ref, seen, complete=finished)
    if not finished and _is_over(ref, seen, outlook):
        _end_others(ref, seen, outlook)
    return _conclude(ref, seen, outlook, finished=finished, settled=settled)


def _look_into(ref: Ref) -> list[_Seen]:
    return [_look_at(replica_folder(ref, name), name, ref["token"]) for name in ref["replicas"]]


def _look_at(folder: Path, name: str, token: str) -> _Seen:
    return _Seen(
        name=name,
        folder=folder,
        begun=(folder / files.STARTED).exists(),
        state=attempt_folder.read_document(folder / files.STATE, token),
        exit=attempt_folder.read_document(folder / files.EXIT, token),
    )


def _is_over(ref: Ref, seen: list[_Seen], outlook: Outlook) -> bool:
    """Say whether the attempt is to end: contract 2.7, the primary's end is the attempt's."""
    asked = (Path(ref["folder"]) / files.STOP).exists()
    impossible = outlook.failed is not None or bool(outlook.out_of_memory)
    return asked or impossible or seen[0].exit is not None or any(one.broken for one in seen)


def _end_others(ref: Ref, seen: list[_Seen], outlook: Outlook) -> None:
    for one in seen:
        if one.exit is None and one.name not in outlook.out_of_memory:
            failed = outlook.failed.value if outlook.failed else None
            halt(ref, one.name, failed=failed, detail=outlook.detail)


def _conclude(ref: Ref, seen: list[_Seen], outlook: Outlook, *, finished: bool, settled: bool) -> Observation:
    missing = [one for one in seen if one.exit is None and one.name not in outlook.alive]
    # Once the primary won, or memory ran out, it does not matter how the others went.
    lost = not settled and (bool(missing) or any(one.foreign for one in seen))
    if not any(one.begun for one in seen):
        return Observation(replicas=(), lost=lost, detail=outlook.detail if lost else "")
    stopped_at = (seen[0].exit or {}).get("signalled_at")
    told = next((one.exit for one in seen if one.exit and one.exit["failed"]), None)
    return Observation(
        replicas=tuple(_status(one, outlook, one in missing) for one in seen),
        finished=finished,
        lost=lost,
        failed=Reason(told["failed"]) if told else None,
        detail=_why_lost(missing, outlook) if lost else told["detail"] if told else "",
        signalled_at=stopped_at if (Path(ref["folder"]) / files.STOP).exists() else None,
    )


def _status(one: _Seen, outlook: Outlook, missing: bool) -> ReplicaStatus:
    status = one.status
    if one.exit is None and one.name in outlook.out_of_memory:
        ended = status.ended or time.time()
        return replace(
            status, state=ReplicaState.EXITED, signal=_KILLED, ended=ended, out_of_memory=True, stopped=False
        )
    if missing and status.state is not ReplicaState.EXITED:
        return replace(status, state=ReplicaState.LOST)
    return status


def _why_lost(missing: list[_Seen], outlook: Outlook) -> str:
    if not missing:
        return attempt_folder.FOREIGN
    return outlook.detail or attempt_folder.last_words(missing[0].folder) or attempt_folder.VANISHED


def _relay(ref: Ref, seen: list[_Seen], *, complete: bool) -> None:
    home = Path(ref["folder"])
    try:
        relay(home, {one.name: one.folder for one in seen}, limit=ref["log_limit_bytes"], complete=complete)
    except OSError as error:
        raise ExecutorError(f"cannot write the log in {home}: {error.strerror}") from error


def stop(ref: Ref) -> None:
    """Begin the stop sequence of every replica; those that were never begun never will.

    Raises:
        ExecutorError: the request cannot be written.
    """
    home = Path(ref["folder"])
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        (home / files.STOP).touch()
    except OSError as error:
        raise ExecutorError(f"cannot stop attempt {ref['attempt_id']}: {error.strerror}") from error
    for name in ref["replicas"]:
        halt(ref, name)


def halt(ref: Ref, name: str, *, failed: str | None = None, detail: str = "") -> None:
    """Tell one replica's supervisor to end, or keep it from ever beginning; `failed` then says why.

    Raises:
        ExecutorError: its folder cannot be written.
    """
    folder = replica_folder(ref, name)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / files.STOP).touch()
        if files.claim(str(folder), ref["token"]):
            _write_end(folder, ref, name, failed, detail)
    except OSError as error:
        raise ExecutorError(f"cannot stop {name} of attempt {ref['attempt_id']}: {error.strerror}") from error


def _write_end(folder: Path, ref: Ref, name: str, failed: str | None, detail: str) -> None:
    if not (folder / files.SPEC).exists():
        replica = {"name": name, "argv": [], "environment": {}, "cwd": "/"}
        files.replace(str(folder / files.SPEC), json.dumps({"replicas": [replica]}).encode())
    attempt_folder.write_never_begun(folder, ref, failed=failed, detail=detail)


def fence(ref: Ref) -> None:
    """Keep every replica that was not begun from ever beginning, and tell the others to end."""
    home = Path(ref["folder"])
    if home.exists():
        for name in ref["replicas"]:
            folder = replica_folder(ref, name)
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            files.claim(str(folder), ref["token"])
            (folder / files.STOP).touch()


def tidy(ref: Ref) -> None:
    """Take over the last of the log, then remove the environment; nothing of the attempt runs any more."""
    if Path(ref["folder"]).exists():
        _relay(ref, _look_into(ref), complete=True)
        attempt_folder.remove_environment(Path(ref["folder"]))


def substitute(spec: AttemptSpec, addresses: dict[str, tuple[str, int]]) -> AttemptSpec:
    """Return an attempt with its replicas' addresses filled in for `localhost:@<token>:<name>@`.

    Parameters:
        addresses: by replica name, its host and port.
    """
    replicas = tuple(
        replace(
            replica,
            environment={
                key: filled(value, spec.token, addresses) for key, value in replica.environment.items()
            },
        )
        for replica in spec.replicas
    )
    return replace(spec, replicas=replicas)


def filled(text: str, token: str, addresses: dict[str, tuple[str, int]]) -> str:
    """Return a text with the marks of replicas' ports replaced."""
    if f"@{token}:" not in text:
        return text
    for name, (host, port) in addresses.items():
        mark = f"@{token}:{name}@"
        text = text.replace(f"localhost:{mark}", f"{host}:{port}").replace(mark, str(port))
    return text
