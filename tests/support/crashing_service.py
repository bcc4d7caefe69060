"""A server process to be killed: creates jobs without end and prints the id of each that was acknowledged."""

from __future__ import annotations

import sys
from pathlib import Path

from programs import program_layout

from tablecloud.jobs.service import JobService, NewJob, ServiceSettings


def main(root: Path, generation: str) -> None:
    settings = ServiceSettings(root=root / "state", cpus=3.0, grace_seconds=0.2)
    service = JobService(settings, layout=program_layout(settings))
    service.start()
    for number in range(12):
        job_id = f"g{generation}_{number}"
        program = f"import time; open({str(root / job_id)!r}, 'a').write('ran\\n'); time.sleep(0.05)"
        service.create(NewJob(project="demo", job_id=job_id, document={"program": program})).result()
        print(job_id, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
