"""Distributed training for real: replicas that find each other by TF_CONFIG and talk over sockets."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from job_archives import wheel

from tablecloud.jobs.executors import processes
from tablecloud.jobs.model import Job, NewJob, State
from tablecloud.jobs.service import JobService, ServiceSettings

TRAINER = """
import argparse, json, os, pathlib, socket, sys, threading, time

parser = argparse.ArgumentParser()
parser.add_argument("--job-dir")
parser.add_argument("--fail-until", type=int, default=0)
parser.add_argument("--broken-worker", action="store_true")
given = parser.parse_args()

config = json.loads(os.environ["TF_CONFIG"])
role, index = config["task"]["type"], config["task"]["index"]
home = pathlib.Path(os.environ["AIP_MODEL_DIR"]).parent
(home / f"{role}{index}.json").write_text(os.environ["TF_CONFIG"] + "\\n" + os.environ["CLUSTER_SPEC"])

def address(text):
    host, _, port = text.rpartition(":")
    return host, int(port)

def ask(text, message):
    # The replicas start together, and the other one may not listen yet.
    for _ in range(600):
        try:
            with socket.create_connection(address(text), timeout=10) as connection:
                connection.sendall(message + b"\\n")
                return connection.makefile("rb").readline().strip()
        except OSError:
            time.sleep(0.05)
    sys.exit("nobody answers at " + text)

if role == "evaluator":
    assert "evaluator" not in config["cluster"]
    threading.Event().wait()
own = address(config["cluster"][role][index])
server = socket.create_server(own)

if role == "ps":
    # Adds what the workers send and tells the sum to whoever asks; never ends.
    total, seen = 0, 0
    while True:
        connection, _ = server.accept()
        with connection:
            message = connection.makefile("rb").readline().strip()
            if message != b"get":
                total, seen = total + int(message), seen + 1
            connection.sendall(f"{total} {seen}\\n".encode())

servers, workers = config["cluster"].get("ps", []), config["cluster"].get("worker", [])
if role == "worker":
    if given.broken_worker and index == 1:
        raise RuntimeError("this worker is broken")
    for number, server in enumerate(servers):
        ask(server, str(10 * (number + 1) + index).encode())
    print("sent", flush=True)
    sys.exit(0)

assert role in ("chief", "master") and index == 0
if given.broken_worker:
    threading.Event().wait()
tries = home / "tries"
with tries.open("a") as file:
    file.write(os.environ["CLOUD_ML_ATTEMPT_ID"] + "\\n")
attempt = len(tries.read_text().split())
if attempt < given.fail_until:
    sys.exit(3)
totals = []
for server in servers:
    while (answer := ask(server, b"get").split())[1] != str(len(workers)).encode():
        time.sleep(0.02)
    totals.append(int(answer[0]))
print("totals", totals, flush=True)
"""


class World:
    """A service and the trainer's package."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.package = wheel(root, "trainer", modules={"task": TRAINER})
        self.services: list[JobService] = []

    def serve(self, **settings: Any) -> JobService:
        given = {"cpus": 1000.0, "memory_bytes": 1 << 42, "grace_seconds": 1.0, **settings}
        service = JobService(ServiceSettings(root=self.root / "state", **given))
        self.services.append(service)
        service.start()
        return service

    def create(self, service: JobService, job_id: str, *args: str, **training: Any) -> None:
        document = {
            "region": "us-central1",
            "runtimeVersion": "2.11",
            "pythonVersion": "3.7",
            "packageUris": [str(self.package)],
            "pythonModule": "trainer.task",
            "args": list(args),
            "jobDir": f"gs://bucket/{job_id}",
            **training,
        }
        service.create(NewJob(project="demo", job_id=job_id, document={"trainingInput": document})).result()

    def until(
        self, service: JobService, job_id: str, wanted: Callable[[Job], bool], seconds: float = 60
    ) -> Job:
        until = time.monotonic() + seconds
        while not wanted(job := self.job(service, job_id)):
            assert time.monotonic() < until, (job, self.lines(service, job_id))
            time.sleep(0.02)
        return job

    def ended(self, service: JobService, job_id: str) -> Job:
        job = self.until(service, job_id, lambda job: job.state.final)
        assert not processes.processes_of(f"{job.uid}-{job.attempt}")
        return job

    def job(self, service: JobService, job_id: str) -> Job:
        job = service.get("demo", job_id)
        assert job is not None
        return job

    def lines(self, service: JobService, job_id: str) -> list[tuple[str, str]]:
        return [(entry.task, entry.message) for _, entry in service.logs("demo", job_id)]

    def configs(self, job_id: str) -> dict[str, list[Any]]:
        """Return TF_CONFIG and CLUSTER_SPEC as each replica saw them."""
        folder = self.root / "state" / "gcs" / "bucket" / job_id
        files = sorted(folder.glob("*.json"))
        return {file.stem: [json.loads(line) for line in file.read_text().splitlines()] for file in files}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    for service in made.services:
        service.stop()


CUSTOM = {
    "scaleTier": "CUSTOM",
    "masterType": "n1-standard-4",
    "workerType": "n1-standard-4",
    "workerCount": "2",
    "parameterServerType": "n1-standard-4",
    "parameterServerCount": "1",
    "evaluatorType": "n1-standard-4",
    "evaluatorCount": "1",
}


def test_every_role_runs_and_the_primary_ends_the_job(world: World) -> None:
    service = world.serve()
    world.create(service, "custom", **CUSTOM)
    job = world.ended(service, "custom")
    lines = world.lines(service, "custom")
    assert (job.state, job.attempt) == (State.SUCCEEDED, 1), (job, lines)
    assert ("master-replica-0", "totals [21]") in lines
    # The workers had ended well before the primary did, and that was fine.
    assert {task for task, message in lines if message == "sent"} == {"worker-replica-0", "worker-replica-1"}
    configs = world.configs("custom")
    assert sorted(configs) == ["chief0", "evaluator0", "ps0", "worker0", "worker1"]
    for tf_config, cluster_spec in configs.values():
        assert tf_config["cluster"] == configs["chief0"][0]["cluster"]
        assert cluster_spec["cluster"]["master"] == tf_config["cluster"]["chief"]
        assert cluster_spec["cluster"]["worker"] == tf_config["cluster"]["worker"]
    addresses = [one for role in configs["chief0"][0]["cluster"].values() for one in role]
    assert len(addresses) == len(set(addresses)) == 4


def test_a_tier_has_its_workers_and_parameter_servers(world: World) -> None:
    service = world.serve()
    world.create(service, "standard", scaleTier="STANDARD_1", runtimeVersion="1.15")
    job = world.ended(service, "standard")
    assert job.state is State.SUCCEEDED, (job, world.lines(service, "standard"))
    # Three servers, and four workers that each told all of them: 10, 20 or 30 and their own index.
    assert ("master-replica-0", "totals [46, 86, 126]") in world.lines(service, "standard")
    assert set(world.configs("standard")["master0"][0]["cluster"]) == {"master", "worker", "ps"}


def test_a_broken_worker_fails_the_job_and_is_named(world: World) -> None:
    service = world.serve()
    world.create(service, "broken", "--broken-worker", **CUSTOM)
    job = world.ended(service, "broken")
    assert job.state is State.FAILED
    assert job.error_message is not None
    assert "The replica worker 1 exited with a non-zero status of 1." in job.error_message
    assert "RuntimeError: this worker is broken" in job.error_message
    assert "replica master" not in job.error_message and "replica ps" not in job.error_message


@pytest.mark.parametrize(("restarts", "state"), [(2, State.SUCCEEDED), (1, State.FAILED)])
def test_all_replicas_start_again_as_often_as_allowed(world: World, restarts: int, state: State) -> None:
    service = world.serve(max_user_restarts=restarts)
    world.create(service, "again", "--fail-until=3", **CUSTOM)
    job = world.ended(service, "again")
    assert (job.state, job.attempt, job.user_restarts) == (state, restarts + 1, restarts)
    tries = (world.root / "state" / "gcs" / "bucket" / "again" / "tries").read_text().split()
    assert tries == [f"{job.uid}-{number}" for number in range(1, restarts + 2)]
    states = [event.to_state.value for event in service.events(job)]
    assert states == ["QUEUED", "PREPARING", "RUNNING", state.value]


def test_replicas_are_admitted_together_or_not_at_all(world: World) -> None:
    # Room for one cluster of 20 processors and half of another.
    service = world.serve(cpus=30.0)
    world.create(service, "first", "--broken-worker", **{**CUSTOM, "workerCount": "1", "evaluatorCount": "2"})
    world.until(service, "first", lambda job: job.state is State.RUNNING)
    world.create(service, "second", **CUSTOM)
    world.create(service, "third")  # of four processors; it must not overtake
    service.cancel("demo", "first", actor="user:test")
    assert world.ended(service, "second").state is State.SUCCEEDED
    assert world.ended(service, "third").state is State.SUCCEEDED
    over = service.events(world.job(service, "first"))[-1].at
    second, third = (claimed(service, world.job(service, name)) for name in ("second", "third"))
    assert over <= second <= third


VISIBLE = """
import json, os, pathlib, time
home = pathlib.Path(os.environ["AIP_MODEL_DIR"]).parent
task = json.loads(os.environ["TF_CONFIG"])["task"]
file = home / f"{task['type']}{task['index']}"
file.with_suffix(".new").write_text(os.environ["CUDA_VISIBLE_DEVICES"])
file.with_suffix(".new").rename(file)
while task["type"] == "chief" and not (home / "go").exists():
    time.sleep(0.02)
"""

GPU = {"acceleratorConfig": {"type": "NVIDIA_TESLA_T4", "count": "1"}}
CLUSTER = {
    "scaleTier": "CUSTOM",
    "masterType": "n1-standard-4",
    "masterConfig": GPU,
    "workerType": "n1-standard-4",
    "workerCount": "2",
    "workerConfig": GPU,
}


def test_replicas_have_accelerators_of_their_own(world: World) -> None:
    world.package = wheel(world.root, "trainer", modules={"task": VISIBLE})
    service = world.serve(accelerators=("0", "1", "2", "GPU-x"))
    bucket = world.root / "state" / "gcs" / "bucket"
    world.create(service, "cluster", **CLUSTER)
    world.create(service, "single", **{**CLUSTER, "workerCount": "0"})
    world.create(service, "none")
    for name in ("cluster", "single", "none"):
        world.until(service, name, lambda job: job.state is State.RUNNING)
    seen = wait_for(bucket, ["cluster/chief0", "cluster/worker0", "cluster/worker1", "single/chief0"])
    assert sorted(seen) == ["0", "1", "2", "GPU-x"]
    assert wait_for(bucket, ["none/chief0"]) == [""]
    # All four are taken: the next one waits until one of them is free again.
    world.create(service, "next", **{**CLUSTER, "workerCount": "0"})
    (bucket / "single" / "go").touch()
    single = world.ended(service, "single")
    world.until(service, "next", lambda job: job.state is State.RUNNING)
    assert claimed(service, world.job(service, "next")) >= service.events(single)[-1].at
    assert wait_for(bucket, ["next/chief0"]) == wait_for(bucket, ["single/chief0"])
    for name in ("cluster", "none", "next"):
        (bucket / name / "go").touch()
        assert world.ended(service, name).state is State.SUCCEEDED


def test_a_job_gets_as_many_accelerators_as_there_are(world: World) -> None:
    world.package = wheel(world.root, "trainer", modules={"task": VISIBLE})
    service = world.serve(accelerators=("7",))
    bucket = world.root / "state" / "gcs" / "bucket"
    world.create(service, "cluster", **CLUSTER)
    assert wait_for(bucket, ["cluster/chief0", "cluster/worker0", "cluster/worker1"]) == ["7", "", ""]
    (bucket / "cluster" / "go").touch()
    assert world.ended(service, "cluster").state is State.SUCCEEDED
    notices = [message for _, message in world.lines(service, "cluster") if "accelerators" in message]
    assert notices == ["Note: of 3 accelerators the job gets those that this machine has."]


def wait_for(folder: Path, names: list[str]) -> list[str]:
    """Return the contents of files, once all replicas have written theirs."""
    until = time.monotonic() + 30
    while not all((folder / name).exists() for name in names):
        assert time.monotonic() < until, names
        time.sleep(0.02)
    return [(folder / name).read_text() for name in names]


def claimed(service: JobService, job: Job) -> float:
    """Return when a job was taken up."""
    (at,) = [event.at for event in service.events(job) if event.to_state is State.PREPARING]
    return at
