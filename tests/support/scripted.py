"""A second executor, whose attempts do only what a test says, and the parts a scheduler needs around it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tablecloud.clock import FakeClock
from tablecloud.errors import ExecutorError, JobError
from tablecloud.jobs.admission import Capacity
from tablecloud.jobs.attempts import Attempts, Layout
from tablecloud.jobs.executors.processes import WakePipe
from tablecloud.jobs.journal import Journal
from tablecloud.jobs.model import (
    AttemptSpec,
    Job,
    LogEntry,
    NewJob,
    Observation,
    Reason,
    ReplicaState,
    ReplicaStatus,
)
from tablecloud.jobs.recovery import recover
from tablecloud.jobs.scheduler import Scheduler
from tablecloud.jobs.settings import ServiceSettings
from tablecloud.jobs.store import Store
from tablecloud.jobs.tuning.controller import Tuning


@dataclass
class Attempt:
    """The world's side of one attempt."""

    names: tuple[str, ...] = ("master-replica-0",)
    replicas: dict[str, ReplicaStatus] = field(default_factory=dict)
    finished: bool = False
    lost: bool = False
    failed: Reason | None = None
    detail: str = ""
    signalled_at: float | None = None

    @property
    def alive(self) -> bool:
        return not self.finished and not self.lost


class Crash(BaseException):
    """The service dies here."""


class ScriptedExecutor:
    """Implements `Executor`; the world outlives it, as processes outlive the service."""

    name = "scripted"

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.world: dict[str, Attempt] = {}
        self.calls: list[tuple[str, str]] = []
        self.refuse: str | None = None
        self.violations: list[str] = []
        self.fuse: int | None = None

    def called(self, what: str, name: str) -> None:
        self.calls.append((what, name))
        self.burn()

    def burn(self) -> None:
        """Crash when the fuse is over: it burns before and after each call's effect."""
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                raise Crash

    def plan_ref(self, spec: AttemptSpec) -> dict[str, Any]:
        return {"name": spec.attempt_id, "token": spec.token}

    def start(self, spec: AttemptSpec, ref: dict[str, Any]) -> None:
        self.called("start", ref["name"])
        if self.refuse is not None:
            raise ExecutorError(self.refuse)
        if ref["name"] in self.world:
            return
        uid = spec.uid
        if any(other.alive for name, other in self.world.items() if name.startswith(uid)):
            self.violations.append(f"{ref['name']} started while another attempt of the job is alive")
        self.world[ref["name"]] = Attempt()
        self.burn()

    def observe(self, ref: dict[str, Any]) -> Observation:
        self.called("observe", ref["name"])
        attempt = self.world.get(ref["name"])
        if attempt is None:
            return Observation(replicas=())
        pending = ReplicaStatus(name="", state=ReplicaState.PENDING)
        return Observation(
            replicas=tuple(attempt.replicas.get(name, pending) for name in attempt.names),
            finished=attempt.finished,
            lost=attempt.lost,
            failed=attempt.failed,
            detail=attempt.detail,
            signalled_at=attempt.signalled_at,
        )

    def stop(self, ref: dict[str, Any]) -> None:
        self.called("stop", ref["name"])
        if ref["name"] not in self.world:
            self.world[ref["name"]] = Attempt(finished=True)
        attempt = self.world[ref["name"]]
        if attempt.alive and attempt.signalled_at is None:
            attempt.signalled_at = self.clock.now()
        self.burn()

    def cleanup(self, ref: dict[str, Any]) -> None:
        self.called("cleanup", ref["name"])
        attempt = self.world.get(ref["name"])
        if attempt is not None and attempt.alive:
            attempt.lost = True
        self.burn()

    # What a test makes happen.

    def of(self, job: Job) -> Attempt:
        return self.world[f"{job.uid}-{job.attempt}"]

    def run(self, job: Job, name: str = "master-replica-0") -> None:
        status = ReplicaStatus(name=name, state=ReplicaState.RUNNING, started=self.clock.now())
        self.of(job).replicas[name] = status

    def exit(self, job: Job, code: int | None = 0, *, signal: int | None = None, oom: bool = False) -> None:
        """The primary ends, and the attempt with it."""
        attempt = self.of(job)
        name = attempt.names[0]
        before = attempt.replicas.get(name)
        attempt.replicas[name] = ReplicaStatus(
            name=name,
            state=ReplicaState.EXITED,
            exit_code=code,
            signal=signal,
            started=self.clock.now() if before is None else before.started,
            ended=self.clock.now(),
            out_of_memory=oom,
            stopped=attempt.signalled_at is not None,
        )
        attempt.finished = True

    def vanish(self, job: Job) -> None:
        self.of(job).lost = True

    def alive(self, uid: str) -> int:
        return sum(attempt.alive for name, attempt in self.world.items() if name.startswith(uid))


class MemoryLog:
    """A job's log in memory."""

    def __init__(self) -> None:
        self.entries: list[LogEntry] = []

    def append(self, entry: LogEntry) -> None:
        self.entries.append(entry)

    def read(self, after: int, limit: int) -> list[tuple[int, LogEntry]]:
        chosen = self.entries[after : after + limit]
        return list(enumerate(chosen, start=after + 1))

    def tail(self, count: int) -> list[LogEntry]:
        return self.entries[-count:]


@dataclass(frozen=True)
class Weights:
    cpus: float
    memory_bytes: int
    accelerators: int = 0


def build(job: Job, attempt: int, token: str) -> AttemptSpec:
    if job.document.get("odd"):
        raise TypeError("'NoneType' object is not iterable")
    if job.document.get("unbuildable") or (job.document.get("unbuildable_again") and attempt > 1):
        raise JobError("The job has no module.", hint="Set pythonModule.")
    return AttemptSpec(
        uid=job.uid,
        attempt=attempt,
        token=token,
        project=job.project,
        job_id=job.job_id,
        job=job.document,
        folder=f"/nowhere/{job.uid}/{attempt}",
    )


def requirements(job: Job) -> Weights:
    if job.document.get("odd"):
        raise TypeError("'NoneType' object is not iterable")
    return Weights(cpus=float(job.document.get("cpus", 1)), memory_bytes=int(job.document.get("memory", 0)))


LAYOUT = Layout(build=build, requirements=requirements)


class Bench:
    """A store, an executor, a log and a scheduler that is stepped by hand."""

    def __init__(self, root: Any, **settings: Any) -> None:
        self.clock = FakeClock()
        self.root = root
        self.settings = ServiceSettings(root=root, **settings)
        self.executor = ScriptedExecutor(self.clock)
        self.logs: dict[str, MemoryLog] = {}
        self.serial = 0
        self.bell = WakePipe(root)
        self.open()

    def open(self) -> None:
        self.store = Store(self.root / "jobs.sqlite")
        journal = Journal(lambda uid: self.logs.setdefault(uid, MemoryLog()), self.clock)
        self.attempts = Attempts(
            store=self.store,
            executor=self.executor,
            layout=LAYOUT,
            journal=journal,
            settings=self.settings,
            clock=self.clock,
        )
        self.scheduler = Scheduler(
            store=self.store,
            attempts=self.attempts,
            layout=LAYOUT,
            journal=journal,
            capacity=Capacity(cpus=4.0, memory_bytes=1000),
            bell=self.bell,
            clock=self.clock,
            tuning=Tuning(
                store=self.store,
                executor=self.executor,
                layout=LAYOUT,
                journal=journal,
                settings=self.settings,
                clock=self.clock,
            ),
        )

    def crash(self) -> None:
        """Forget everything but the disk and the world, and start again."""
        self.store.close()
        self.open()
        recover(self.store, self.attempts)

    def close(self) -> None:
        self.store.close()
        self.bell.close()

    def create(self, job_id: str = "", project: str = "demo", **more: Any) -> Job:
        self.serial += 1
        self.clock.advance(0.001)
        document = {"trainingInput": {}, **more.pop("document", {})}
        new = NewJob(project=project, job_id=job_id or f"job_{self.serial}", document=document, **more)
        return self.store.insert(new, uid=f"{self.serial:012x}", now=self.clock.now()).result()

    def read(self, job: Job) -> Job:
        found = self.store.by_uid(job.uid)
        assert found is not None
        return found

    def step(self, seconds: float = 0.25) -> None:
        self.clock.advance(seconds)
        self.scheduler.step()

    def states(self, job: Job) -> list[str]:
        return [event.to_state.value for event in self.store.events(job.uid)]

    def lines(self, job: Job) -> list[str]:
        return [entry.message for entry in self.logs[job.uid].entries]
