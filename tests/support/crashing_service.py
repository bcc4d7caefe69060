"""A server process to be killed: creates jobs without end and prints the id of each that was acknowledged."""

from __future__ import annotations

import sys
from pathlib import Path

from programs import program_layout

from tablecloud.jobs.executors.choice import ExecutorChoice, make_executor
from tablecloud.jobs.service import JobService, NewJob, ServiceSettings


def make_service(root: Path, kind: str = "process", *, store_url: str = "", name: str = "") -> JobService:
    """The service that is killed, and the one that finds what it left."""
    settings = ServiceSettings(root=root / "state", cpus=3.0, grace_seconds=0.2)
    choice = ExecutorChoice(kind=kind, kubernetes_image="tablecloud:test" if kind == "kubernetes" else "")
    executor = make_executor(choice, settings.root)
    home = settings.root / "servers" / name if name else None
    layout = program_layout(settings)
    return JobService(settings, layout=layout, executor=executor, store_url=store_url, home=home)


def main(root: Path, generation: str, kind: str, store_url: str, name: str) -> None:
    service = make_service(root, kind, store_url=store_url, name=name)
    service.start()
    for number in range(12):
        job_id = f"g{generation}_{number}"
        program = f"import time; open({str(root / job_id)!r}, 'a').write('ran\\n'); time.sleep(0.05)"
        service.create(NewJob(project="demo", job_id=job_id, document={"program": program})).result()
        print(job_id, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
