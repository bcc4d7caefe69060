"""A minute, or hours, of a full queue while servers and supervisors are killed at random.

`SOAK_SECONDS` says how long (60), `SOAK_SEED` which course it takes (0). What must hold in the end: every
acknowledged job has ended, with one final event; no attempt ran twice and no two attempts of a job at one
time; a job was tried again only if its supervisor was killed; no process is left.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
import soaking_service

from tablecloud.jobs.executors import processes
from tablecloud.jobs.executors.shim import folder as files
from tablecloud.jobs.executors.shim import proc
from tablecloud.jobs.model import FINAL, Job, State
from tablecloud.jobs.service import JobService

SECONDS = float(os.environ.get("SOAK_SECONDS", "60"))
SEED = int(os.environ.get("SOAK_SEED", "0"))
OUTSTANDING = 200
"""Jobs that have not ended, brought up to this number by each server."""
SETTLING = 180.0
PROJECTS = ("p0", "p1", "p2")


@dataclass
class Soak:
    """The course of one soak."""

    root: Path
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))
    killed: set[str] = field(default_factory=set)
    """Attempts whose supervisor was sent KILL."""
    most_running: int = 0

    def lines(self, name: str) -> list[str]:
        path = self.root / name
        return path.read_text().split("\n")[:-1] if path.exists() else []

    def serve_until_killed(self, generation: int, seconds: float) -> None:
        """Run a server for a while, killing supervisors beside it, then kill it without warning."""
        missing = OUTSTANDING - len(self.lines("acknowledged")) + len(self.lines("ended"))
        support = Path(soaking_service.__file__)
        with subprocess.Popen(
            [sys.executable, str(support), str(self.root), str(generation), str(max(missing, 0))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(support.parent), *sys.path])},
        ) as server:
            assert server.stdout is not None and server.stdout.readline() == b"up\n"
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                self.kill_a_supervisor()
                time.sleep(self.chance.uniform(0.1, 0.8))
            server.kill()

    def kill_a_supervisor(self) -> None:
        attempts = (self.root / "state" / "attempts").glob("*/*/")
        living = [folder for folder in attempts if processes.lock_held(folder)]
        self.most_running = max(self.most_running, len(living))
        if not living:
            return
        folder = self.chance.choice(living)
        try:
            identity = msgspec.json.decode((folder / files.STATE).read_bytes())["shim"]
        except FileNotFoundError:  # it has not begun to write
            return
        self.killed.add(f"{folder.parent.name}-{folder.name}")
        processes.signal_identified(identity, signal.SIGKILL)

    def settled(self, service: JobService) -> list[Job]:
        """Wait until every job has ended; return them all."""
        until = time.monotonic() + SETTLING
        while open_jobs := [job for job in every(service) if not job.state.final]:
            assert time.monotonic() < until, open_jobs[:3]
            time.sleep(0.5)
        return every(service)

    def check(self, service: JobService, job: Job) -> None:
        """Hold one job against the rules."""
        states = [event.to_state for event in service.events(job)]
        assert [state in FINAL for state in states] == [False] * (len(states) - 1) + [True], (job, states)
        kills = [attempt for attempt in self.killed if attempt.startswith(f"{job.uid}-")]
        assert job.attempt - 1 <= len(kills), (job, kills)
        if not job.job_id.endswith("_cancelled"):
            assert job.state is State.SUCCEEDED or len(kills) >= 3, (job, kills)
        runs = Counter(self.lines(f"runs/{job.job_id}"))
        allowed = {f"{job.uid}-{number}" for number in range(1, job.attempt + 1)}
        assert set(runs) <= allowed and all(count == 1 for count in runs.values()), (job, runs)
        assert job.state is not State.SUCCEEDED or f"{job.uid}-{job.attempt}" in runs, (job, runs)

    def processes_left(self) -> list[int]:
        """Return the processes that have this soak's folder in their command line or environment."""
        mark = str(self.root).encode()
        return [pid for pid in proc.all_pids() if pid != os.getpid() and mark in _words(pid)]


@pytest.mark.slow
def test_nothing_is_lost_or_run_twice(tmp_path: Path) -> None:
    soak = Soak(tmp_path)
    (tmp_path / "runs").mkdir()
    end, generation = time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        soak.serve_until_killed(generation, soak.chance.uniform(1.0, 6.0))
        generation += 1
    service = soaking_service.started(tmp_path)
    try:
        jobs = soak.settled(service)
        assert set(soak.lines("acknowledged")) <= {job.job_id for job in jobs}
        for job in jobs:
            soak.check(service, job)
    finally:
        service.stop()
    assert not soak.processes_left()
    ends = Counter(job.state.value for job in jobs)
    print(f"{generation} servers and {len(soak.killed)} supervisors killed, {len(jobs)} jobs: {dict(ends)}")
    # Else it was no soak, and holds nothing.
    assert len(jobs) >= OUTSTANDING and soak.killed and soak.most_running >= 12, soak.most_running


def every(service: JobService) -> list[Job]:
    found: list[Job] = []
    for project in PROJECTS:
        after = None
        while page := service.page(project, after=after, limit=500):
            found += page
            after = (page[-1].create_time, page[-1].job_id)
    return found


def _words(pid: int) -> bytes:
    try:
        home = Path(f"/proc/{pid}")
        return (home / "cmdline").read_bytes() + (home / "environ").read_bytes()
    except OSError:  # gone, or another user's
        return b""
