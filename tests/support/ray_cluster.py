"""A real Ray cluster of one node, for as long as the tests of one session need it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tablecloud.errors import ExecutorError
from tablecloud.jobs.executors.ray_api import RayApi

VARIABLE = "TABLECLOUD_TEST_RAY"
"""Names the folder of an environment that has `ray[default]`; Ray is too large for ours."""


@dataclass(frozen=True, kw_only=True)
class RayCluster:
    address: str
    python: str
    """Of the environment that has Ray."""


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[RayCluster]:
    binaries = _binaries()
    if binaries is None:
        pytest.skip(
            f"no Ray: pip install 'ray[default]' into an environment and set {VARIABLE} to its folder"
        )
    # Short, because Ray puts sockets below it.
    folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")
    gcs, dashboard = _free_ports(2)
    command = [str(binaries / "ray"), "start", "--head", "--block", "--num-cpus=8", f"--temp-dir={folder}"]
    command += [f"--port={gcs}", "--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}"]
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "PATH": f"{binaries}:{os.environ['PATH']}"}
    environment.pop("PYTHONPATH", None)
    with (Path(folder) / "head.log").open("wb") as log:
        head = subprocess.Popen(
            command, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        address = f"http://127.0.0.1:{dashboard}"
        _wait(RayApi(address), head, Path(folder) / "head.log")
        yield RayCluster(address=address, python=str(binaries / "python"))
    finally:
        _end(head)
        shutil.rmtree(folder, ignore_errors=True)


def _binaries() -> Path | None:
    if told := os.environ.get(VARIABLE):
        return Path(told) / "bin"
    found = shutil.which("ray")
    return Path(found).parent if found else None


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def _wait(api: RayApi, head: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            api.jobs()
            return
        except ExecutorError:
            assert head.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.2)


def _end(head: subprocess.Popen[bytes]) -> None:
    """End the head and what it started, and nothing else: `ray stop` would end every Ray of the machine."""
    from tablecloud.jobs.executors.shim import proc

    below = proc.descendants(head.pid)
    head.send_signal(signal.SIGTERM)
    try:
        head.wait(20)
    except subprocess.TimeoutExpired:
        head.kill()
        head.wait()
    for pid in below:
        proc.send(pid, signal.SIGKILL)
