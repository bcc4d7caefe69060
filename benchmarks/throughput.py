"""Measure how many trivial jobs a second go from `create` to SUCCEEDED, one at a time and many at once.

Run: python benchmarks/throughput.py [jobs]. Jobs have one package, installed already, and a module that does
nothing; so what is measured is the service: the store, the scheduler, the supervisor, two starts of Python a
job. The goal is 20 jobs a second on two cores. Beside it stand bare starts of the same module, as many at
once as there are processors, which no service can beat.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tablecloud.jobs.machines import machine
from tablecloud.jobs.model import State
from tablecloud.jobs.service import JobService, NewJob, ServiceSettings

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from job_archives import wheel

AT_ONCE = (1, 2, 4, 16)


def main() -> None:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        package = wheel(folder, "trivial", modules={"task": ""})
        show("bare python -m", bare(package, jobs))
        for at_once in AT_ONCE:
            show(f"jobs, {at_once} at once", served(folder / f"state{at_once}", package, at_once, jobs))


def served(root: Path, package: Path, at_once: int, jobs: int) -> float:
    """Run jobs on a service of their own; return how many ended a second."""
    size = machine("n1-standard-4")
    if size is None:
        raise SystemExit("There is no machine type n1-standard-4.")
    settings = ServiceSettings(root=root, cpus=size.cpus * at_once, memory_bytes=size.memory_bytes * at_once)
    service = JobService(settings)
    service.start()
    try:
        run(service, package, "warm", 1)  # installs the package
        began = time.perf_counter()
        run(service, package, "job", jobs)
        return jobs / (time.perf_counter() - began)
    finally:
        service.stop()


def run(service: JobService, package: Path, stem: str, jobs: int) -> None:
    """Create jobs, and wait until all of them have succeeded."""
    training = {"packageUris": [str(package)], "pythonModule": "trivial.task"}
    created = [
        service.create(NewJob(project=stem, job_id=f"{stem}{n}", document={"trainingInput": training}))
        for n in range(jobs)
    ]
    for future in created:
        future.result()
    while open_jobs := [job for job in service.page(stem, after=None, limit=jobs) if not job.state.final]:
        # Looking costs the service time of its own processor, so not more often than the result can show.
        time.sleep(0.02 if len(open_jobs) < 5 else 0.1)
    for job in service.page(stem, after=None, limit=jobs):
        if job.state is not State.SUCCEEDED:
            raise SystemExit(job.error_message)


def bare(package: Path, starts: int) -> float:
    """Start the module directly; return how many starts a second."""

    def start(_: int) -> None:
        environment = {"PYTHONPATH": str(package), "PATH": os.defpath}
        subprocess.run([sys.executable, "-m", "trivial.task"], check=True, env=environment)

    began = time.perf_counter()
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(start, range(starts)))
    return starts / (time.perf_counter() - began)


def show(name: str, rate: float) -> None:
    print(f"{name:<22} {rate:7.1f} /s")


if __name__ == "__main__":
    main()
