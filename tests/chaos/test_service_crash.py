"""The server is killed again and again while jobs run: nothing acknowledged is lost, nothing runs twice."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from crashing_service import make_service
from kube_server import KubeServer
from postgres_server import postgres as postgres
from postgres_server import postgres_server as postgres_server

from tablecloud.jobs.model import State
from tablecloud.jobs.service import JobService

PROGRAM = Path(__file__).parents[1] / "support" / "crashing_service.py"


@pytest.fixture
def kube() -> Iterator[KubeServer]:
    pytest.importorskip("kubernetes", reason="the extra `kubernetes` is not installed")
    server = KubeServer()
    yield server
    server.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["process", "kubernetes"])
def test_kill_the_server_at_any_moment(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if kind == "kubernetes":
        monkeypatch.setenv("KUBECONFIG", str(request.getfixturevalue("kube").config(tmp_path)))
    acknowledged: list[str] = []
    for generation, lines in enumerate((1, 4, 9, 12, 2)):
        acknowledged += serve_until_killed(tmp_path, generation, lines, kind)
    service = make_service(tmp_path, kind)
    service.start()
    try:
        check_all_ran_once(service, tmp_path, acknowledged)
    finally:
        service.stop()


@pytest.mark.slow
def test_kill_one_of_two_servers_at_any_moment(tmp_path: Path, postgres: str) -> None:
    acknowledged: list[str] = []
    servers: list[subprocess.Popen[str]] = []
    for generation, lines in enumerate((3, 1, 7, 2, 12, 4)):
        name = "ab"[generation % 2]
        servers.append(start_server(tmp_path, f"{generation}", store_url=postgres, name=name))
        acknowledged += [servers[-1].stdout.readline().strip() for _ in range(lines)]
        if len(servers) == 2:  # the older one goes, which may have the turn or wait for it
            acknowledged += kill(servers.pop(0))
    acknowledged += kill(servers.pop())
    services = [make_service(tmp_path, store_url=postgres, name=name) for name in "cd"]
    for service in services:
        service.start()
    try:
        check_all_ran_once(services[1], tmp_path, acknowledged)
    finally:
        for service in services:
            service.stop()


def check_all_ran_once(service: JobService, root: Path, acknowledged: list[str]) -> None:
    until = time.monotonic() + 60
    while any(not job.state.final for job in service.page("demo", after=None, limit=1000)):
        assert time.monotonic() < until
        time.sleep(0.02)
    jobs = {job.job_id: job for job in service.page("demo", after=None, limit=1000)}
    assert set(acknowledged) <= set(jobs)
    for job in jobs.values():
        assert (job.state, job.attempt) == (State.SUCCEEDED, 1), job
        assert (root / job.job_id).read_text() == "ran\n"
        moves = [event.to_state.value for event in service.events(job)]
        assert moves == ["QUEUED", "PREPARING", "RUNNING", "SUCCEEDED"]


def serve_until_killed(root: Path, generation: int, lines: int, kind: str) -> list[str]:
    """Run a server until it has acknowledged some creates, then kill it without warning."""
    server = start_server(root, f"{generation}", kind=kind)
    acknowledged = [server.stdout.readline().strip() for _ in range(lines)]
    return [*acknowledged, *kill(server)]


def start_server(
    root: Path, generation: str, *, kind: str = "process", store_url: str = "", name: str = ""
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), str(root), generation, kind, store_url, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(PROGRAM.parent), *sys.path])},
    )


def kill(server: subprocess.Popen[str]) -> list[str]:
    """Kill a server and return what it had acknowledged besides."""
    with server:
        server.kill()
        return server.stdout.read().split()
