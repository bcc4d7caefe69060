"""The server is killed while it creates a version: the next one goes on, and no worker is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from api_bench import ApiBench
from model_bench import PARENT, ModelBench, gone, loading

PROGRAM = Path(__file__).parents[1] / "support" / "crashing_models.py"


def test_a_killed_server_goes_on_with_a_creation(tmp_path):
    root = tmp_path / "root"
    server = subprocess.Popen(
        [sys.executable, str(PROGRAM), str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(PROGRAM.parent), *sys.path])},
    )
    with server:
        operation = server.stdout.readline().strip()
        assert server.stdout.readline().strip()
        worker = loading(root)
        workers = children(server.pid)
        assert worker in workers
        assert len(workers) == 2
        server.kill()
    assert all(gone(pid) for pid in workers)
    (root / "gcs" / "models" / "routine" / "hang").unlink()
    bench = Restarted(root)
    try:
        ended = bench.ended(operation)
        assert ended["response"]["state"] == "READY"
        assert "isDefault" not in ended["response"]
        assert bench.predict([2], "models/m/versions/v") == {"predictions": [6]}
        states = [v["state"] for v in bench.call("GET", f"{PARENT}/models/m/versions")["versions"]]
        assert states == ["READY", "READY"]
        assert len(bench.call("GET", f"{PARENT}/operations")["operations"]) == 2
        assert len(list((root / "models").iterdir())) == 2
    finally:
        bench.close()


class Restarted(ModelBench):
    """A bench on a root that has been laid out before."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bucket = root / "gcs" / "models"
        ApiBench.__init__(self, root)

    def hold_the_machine(self) -> None:
        """Do nothing: the job was created by the server that was killed."""


def children(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found
