"""Measure how long a job waits: from sending `create` to its program's first line, and to its final state.

Run: python benchmarks/job_start.py [jobs]. The server is the real one, in the background; jobs run one
after the other and their package is installed already, so the figures are the service's own. Beside them
stands a bare `python -m` of the same module, which no service can beat. `job_api.py` measures requests a
second.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from tablecloud.jobs.daemon import Endpoint, ensure_running, stop

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from job_archives import wheel

MODULE = "import pathlib, sys, time\npathlib.Path(sys.argv[1]).write_text(repr(time.time()))\n"


def main() -> None:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        package = wheel(folder, "stamp", modules={"task": MODULE})
        endpoint = ensure_running(folder / "ml")
        try:
            run(endpoint, folder, package, 0)  # installs the package
            figures = [run(endpoint, folder, package, number) for number in range(1, jobs + 1)]
        finally:
            stop(folder / "ml")
        show("bare python -m", [bare(folder, number) for number in range(jobs)])
        show("create -> program runs", [started for started, _ in figures])
        show("create -> SUCCEEDED seen", [ended for _, ended in figures])


def run(endpoint: Endpoint, folder: Path, package: Path, number: int) -> tuple[float, float]:
    """Create a job, wait for its end; return seconds to its program's first line and to its final state."""
    stamp = folder / f"stamp{number}"
    training = {
        "region": "us-central1",
        "runtimeVersion": "2.11",
        "pythonVersion": "3.7",
        "packageUris": [str(package)],
        "pythonModule": "stamp.task",
        "args": [str(stamp)],
    }
    sent = time.time()
    call(endpoint, "POST", "jobs", {"jobId": f"job_{number}", "trainingInput": training})
    while (job := call(endpoint, "GET", f"jobs/job_{number}"))["state"] not in ("SUCCEEDED", "FAILED"):
        time.sleep(0.005)
    if job["state"] == "FAILED":
        raise SystemExit(job["errorMessage"])
    return float(stamp.read_text()) - sent, time.time() - sent


def bare(folder: Path, number: int) -> float:
    """Return the seconds from starting the module directly to its first line."""
    stamp = folder / f"bare{number}"
    command = "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module('stamp.task')"
    began = time.time()
    package = folder / "stamp-0.1-py3-none-any.whl"
    subprocess.run([sys.executable, "-c", command, str(package), str(stamp)], check=True)
    return float(stamp.read_text()) - began


def call(endpoint: Endpoint, http: str, path: str, body: object = None) -> dict[str, str]:
    request = urllib.request.Request(
        f"{endpoint.url}/v1/projects/bench/{path}",
        method=http,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {endpoint.token_file.read_text().strip()}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        found: dict[str, str] = json.load(response)
    return found


def show(name: str, seconds: list[float]) -> None:
    print(
        f"{name:<26} median {statistics.median(seconds) * 1e3:6.0f} ms   worst {max(seconds) * 1e3:6.0f} ms"
    )


if __name__ == "__main__":
    main()
