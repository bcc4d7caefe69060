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

from tablecloud.jobs.model import State

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
        until = time.monotonic() + 60
        while any(not job.state.final for job in service.page("demo", after=None, limit=1000)):
            assert time.monotonic() < until
            time.sleep(0.02)
        jobs = {job.job_id: job for job in service.page("demo", after=None, limit=1000)}
        assert set(acknowledged) <= set(jobs)
        for job in jobs.values():
            assert (job.state, job.attempt) == (State.SUCCEEDED, 1), job
            assert (tmp_path / job.job_id).read_text() == "ran\n"
            assert [event.to_state.value for event in service.events(job)] == [
                "QUEUED",
                "PREPARING",
                "RUNNING",
                "SUCCEEDED",
            ]
    finally:
        service.stop()


def serve_until_killed(root: Path, generation: int, lines: int, kind: str) -> list[str]:
    """Run a server until it has acknowledged some creates, then kill it without warning."""
    server = subprocess.Popen(
        [sys.executable, str(PROGRAM), str(root), str(generation), kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(PROGRAM.parent), *sys.path])},
    )
    with server:
        acknowledged = [server.stdout.readline().strip() for _ in range(lines)]
        server.kill()
        rest = server.stdout.read().split()
    return [*acknowledged, *rest]
