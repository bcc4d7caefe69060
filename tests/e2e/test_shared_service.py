"""Two servers of the command line on one PostgreSQL and one cluster: either answers, one of them may die."""

from __future__ import annotations

import json
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import COMMAND
from job_archives import wheel
from kube_server import KubeServer
from postgres_server import postgres as postgres
from postgres_server import postgres_server as postgres_server

SERVE = ["ml", "serve", "--executor", "kubernetes", "--kubernetes-image", "tablecloud:test"]


class Server:
    """One `tablecloud ml serve`."""

    def __init__(self, root: Path, environment: dict[str, str], *flags: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, *SERVE, *flags], env=environment, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]
        self.token = (root / "ml" / "token").read_text().strip()

    def call(self, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/v1/projects/demo/{path}", data, headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        status = self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


@pytest.fixture
def kube() -> Iterator[KubeServer]:
    pytest.importorskip("kubernetes", reason="the extra `kubernetes` is not installed")
    server = KubeServer()
    yield server
    server.close()


@pytest.mark.slow
def test_either_server_answers_and_a_killed_one_is_not_missed(
    tmp_path: Path, environment: dict[str, str], postgres: str, kube: KubeServer
) -> None:
    own = {**environment, "TABLECLOUD_ROOT": str(tmp_path), "KUBECONFIG": str(kube.config(tmp_path))}
    servers = [Server(tmp_path, own, "--store", postgres, "--server-name", name) for name in "ab"]
    archive = wheel(tmp_path, "trainer", modules={"task": "import time; print('trained'); time.sleep(1)"})
    training = {
        "packageUris": [str(archive)],
        "pythonModule": "trainer.task",
        "region": "us-central1",
        "runtimeVersion": "2.11",
        "pythonVersion": "3.7",
    }
    for number in range(4):
        job = {"jobId": f"job_{number}", "trainingInput": training}
        servers[number % 2].call("jobs", job)
    assert servers[0].end(signal.SIGKILL) == -signal.SIGKILL
    until = time.monotonic() + 60
    jobs = servers[1].call("jobs")["jobs"]
    while {job["state"] for job in jobs} != {"SUCCEEDED"}:
        assert time.monotonic() < until, jobs
        time.sleep(0.1)
        jobs = servers[1].call("jobs")["jobs"]
    assert len(jobs) == 4
    assert servers[1].end(signal.SIGTERM) == 0
    logs = sorted((tmp_path / "ml" / "attempts").glob("*/1/log/*.log"))
    assert [b"trained" in log.read_bytes() for log in logs] == [True] * 4
