"""Attempts of small programs on an executor, this machine's processes if not told otherwise."""

from __future__ import annotations

import json
import os
import secrets
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tablecloud.jobs import packages
from tablecloud.jobs.executors import Executor, Ref, processes
from tablecloud.jobs.executors.process import ProcessExecutor
from tablecloud.jobs.executors.shim import folder as files
from tablecloud.jobs.logs import JobLog
from tablecloud.jobs.model import AttemptSpec, Observation, ReplicaSpec, ReplicaState

DEADLINE = 30.0


@dataclass
class Bench:
    """One executor on one root, with attempts of Python programs given as text."""

    root: Path
    stem: str = field(default_factory=lambda: secrets.token_hex(6))
    """Begins every uid: a sweep finds its processes all over the machine, where other tests may run."""
    make: Callable[[Path], Executor] = ProcessExecutor
    executor: Executor = field(init=False)
    wake: processes.WakePipe = field(init=False)
    refs: list[Ref] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.executor = self.another()
        self.wake = processes.WakePipe(self.root)

    def another(self) -> Executor:
        """The executor of another server on the same root."""
        return self.make(self.root)

    def spec(self, *programs: str, number: int = 1, **settings: Any) -> AttemptSpec:
        """An attempt whose first program is the master and whose others are workers."""
        uid = f"{self.stem}{number:04x}"
        folder = self.root / "attempts" / uid / "1"
        return AttemptSpec(
            uid=uid,
            attempt=1,
            token=f"token-{number}",
            project="p",
            job_id=f"job_{number}",
            job={},
            folder=str(folder),
            replicas=tuple(self.replica(folder, i, text) for i, text in enumerate(programs)),
            **{"grace_seconds": 0.3, **settings},
        )

    def replica(self, folder: Path, place: int, program: str) -> ReplicaSpec:
        role, index = ("master", 0) if place == 0 else ("worker", place - 1)
        return ReplicaSpec(
            name=f"{role}-replica-{index}",
            role=role,
            index=index,
            argv=(packages.environment_python(folder / "env"), "-c", textwrap.dedent(program)),
            environment={"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"},
            cwd=str(folder / "work"),
        )

    def start(self, *programs: str, **settings: Any) -> Ref:
        return self.start_spec(self.spec(*programs, **settings))

    def start_spec(self, spec: AttemptSpec) -> Ref:
        ref = self.executor.plan_ref(spec)
        self.refs.append(ref)
        self.executor.start(spec, ref)
        return ref

    def run(self, *programs: str, **settings: Any) -> Observation:
        return self.finish(self.start(*programs, **settings))

    def until(self, ref: Ref, wanted: Callable[[Observation], bool]) -> Observation:
        """Observe until something is so; the supervisors' wake-ups make the waiting short."""
        end = time.monotonic() + DEADLINE
        while not wanted(seen := self.executor.observe(ref)):
            assert time.monotonic() < end, f"still {seen}; log: {self.lines(ref)}"
            self.wake.wait(0.02)
        return seen

    def finish(self, ref: Ref) -> Observation:
        return self.until(ref, lambda seen: seen.finished or seen.lost)

    def running(self, ref: Ref, said: str = "ready") -> Observation:
        """Wait until every replica runs and one of them has printed a line."""
        seen = self.until(ref, lambda seen: bool(seen.replicas) and _all_running(seen))
        self.until(ref, lambda _: said in self.lines(ref))
        return seen

    def log(self, ref: Ref) -> JobLog:
        return JobLog(self.root, Path(ref["folder"]).parent.name)

    def lines(self, ref: Ref) -> list[str]:
        return [entry.message for _, entry in self.log(ref).read(limit=1_000_000)]

    def state(self, ref: Ref) -> Any:
        return json.loads((Path(ref["folder"]) / files.STATE).read_bytes())

    def shim_pid(self, ref: Ref) -> int:
        return int(self.state(ref)["shim"]["pid"])

    def left(self, ref: Ref) -> list[int]:
        """Processes of an attempt that still live, after the moment a dying one may take."""
        end = time.monotonic() + 2
        while (found := processes.processes_of(ref["attempt_id"])) and time.monotonic() < end:
            self.wake.wait(0.01)
        return found

    def close(self) -> None:
        """End everything, and hold the invariant: no process of any attempt is left."""
        for ref in self.refs:
            self.executor.cleanup(ref)
        left = {ref["attempt_id"]: self.left(ref) for ref in self.refs}
        self.wake.close()
        assert not any(left.values()), left


def _all_running(seen: Observation) -> bool:
    return all(replica.state is ReplicaState.RUNNING for replica in seen.replicas)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A bench that ends everything after the test, and fails it when a process is left."""
    made = Bench(tmp_path)
    yield made
    made.close()
