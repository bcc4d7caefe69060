"""A server of the soak: takes up what it finds, creates jobs, cancels a few, waits to be killed."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from programs import program_layout

from tablecloud.jobs.service import AlreadyFinished, JobService, NewJob, ServiceSettings

AT_ONCE = 24

PROGRAM = """
import fcntl, os, time
def note(path, text):
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.write(fd, (text + "\\n").encode())
    os.close(fd)
lock = os.open({name!r} + ".lock", os.O_CREAT | os.O_RDWR)
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    note({name!r}, "overlap")
note({name!r}, os.environ["CLOUD_ML_ATTEMPT_ID"])
time.sleep({seconds!r})
note({ended!r}, {name!r})
"""


def service_on(root: Path) -> JobService:
    """Return a service with room for dozens of jobs, not yet started."""
    settings = ServiceSettings(
        root=root / "state",
        cpus=float(AT_ONCE),
        memory_bytes=1 << 40,
        grace_seconds=0.2,
        infra_backoff_seconds=0.2,
    )
    return JobService(settings, layout=program_layout(settings))


def started(root: Path) -> JobService:
    """Return a service that runs."""
    service = service_on(root)
    service.start()
    return service


def main(root: Path, generation: str, count: int) -> None:
    service = started(root)
    with (root / "acknowledged").open("a", buffering=1) as acknowledged:
        print("up", flush=True)
        for number in range(count):
            asked = number % 10 == 9
            job_id = f"g{generation}_{number}{'_cancelled' * asked}"
            # Python's own start takes longer than the short ones, so ends come in any order.
            seconds = 0.05 + number % 7 / 10
            program = PROGRAM.format(
                name=str(root / "runs" / job_id), seconds=seconds, ended=str(root / "ended")
            )
            new = NewJob(project=f"p{number % 3}", job_id=job_id, document={"program": program})
            job = service.create(new).result()
            acknowledged.write(f"{job_id}\n")
            if asked:
                with contextlib.suppress(AlreadyFinished):
                    service.cancel(job.project, job_id, actor="user:soak")
    sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
