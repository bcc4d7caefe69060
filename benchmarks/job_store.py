"""Measure the job store: durable creates a second, a page out of 100,000 jobs, a look at the queue.

Run: python benchmarks/job_store.py [folder]. The folder should lie on the disk that the service would use.
Beside each figure of creates stands what bare `sqlite3` does with one commit an insert on the same disk.
"""

from __future__ import annotations

import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from tablecloud.jobs import statements
from tablecloud.jobs.model import Job, NewJob
from tablecloud.jobs.store import Store

DOCUMENT = {
    "trainingInput": {
        "scaleTier": "BASIC",
        "region": "us-central1",
        "runtimeVersion": "2.11",
        "pythonVersion": "3.7",
        "packageUris": ["gs://bucket/trainer-0.1.tar.gz"],
        "pythonModule": "trainer.task",
        "args": ["--epochs", "10", "--learning-rate", "0.01"],
        "jobDir": "gs://bucket/jobs/1",
    }
}
SECONDS = 2.0
MANY = 100_000


def bare(folder: Path) -> float:
    """Return inserts a second of `sqlite3` with the same tables, one commit each."""
    connection = sqlite3.connect(folder / "bare.sqlite", isolation_level=None)
    connection.executescript(statements.schema())
    for setting in (*statements.SETTINGS, *statements.WRITER_SETTINGS):
        connection.execute(setting)
    text = '{"trainingInput": {"args": ["' + "x" * 250 + '"]}}'
    done, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < SECONDS:
        values = {
            "uid": f"{done:016x}",
            "project": "p",
            "job_id": f"j{done}",
            "document": text,
            "labels": "{}",
        }
        values |= {
            "priority": 0,
            "at": time.time(),
            "reason": "created",
            "wait_deadline": None,
            "run_seconds": None,
        }
        connection.execute(statements.INSERT_JOB, values)
        done += 1
    connection.close()
    return done / (time.perf_counter() - begin)


def creates(store: Store, submitters: int) -> float:
    """Return creates a second of threads that each wait for one create before they send the next."""
    done = [0] * submitters
    stop = threading.Event()

    def submit(number: int) -> None:
        while not stop.is_set():
            name = f"s{submitters}_{number}_{done[number]}"
            insert(store, name).result()
            done[number] += 1

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(submitters)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    time.sleep(SECONDS)
    stop.set()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - begin)


def insert(store: Store, name: str, project: str = "bench") -> Future[Job]:
    new = NewJob(project=project, job_id=name, document=DOCUMENT)
    return store.insert(new, uid=f"{project}{name}", now=time.time())


def milliseconds(work: Callable[[], object], times: int = 50) -> float:
    """Return the median time of a call."""
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken) * 1000


def report(what: str, work: Callable[[], object]) -> None:
    print(f"{what:29} {milliseconds(work):8.2f} ms")


def main() -> None:
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        folder = Path(name)
        print(f"bare sqlite3, a commit each   {bare(folder):8.0f} inserts/s")
        store = Store(folder / "jobs.sqlite")
        for submitters in (1, 16, 64):
            print(f"{submitters:3} submitters                {creates(store, submitters):8.0f} creates/s")
        begin = time.perf_counter()
        futures = [insert(store, f"m{number}", "many") for number in range(MANY)]
        for future in futures:
            future.result()
        print(f"{MANY} creates at once       {MANY / (time.perf_counter() - begin):8.0f} creates/s")
        first = store.page("many", after=None, limit=100)
        middle = store.page("many", after=(first[0].create_time - 3, ""), limit=1) or first
        after = (middle[-1].create_time, middle[-1].job_id)
        report("first page of 100", lambda: store.page("many", after=None, limit=100))
        report("page of 100 in the middle", lambda: store.page("many", after=after, limit=100))
        report("100 positions", lambda: [store.position(job) for job in first])
        report("look at the queue", lambda: store.queue_heads(0.0, per_project=32))
        store.close()


if __name__ == "__main__":
    main()
