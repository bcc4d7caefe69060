"""Hyperparameter tuning for real: packages, processes, metric files, and what the API shows of them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from job_archives import wheel

from tablecloud.jobs.api.calls import Api, HttpRequest
from tablecloud.jobs.api.dispatch import answer
from tablecloud.jobs.api.principals import local_principals, signing_key
from tablecloud.jobs.service import JobService
from tablecloud.jobs.settings import ServiceSettings

TOKEN = "the-servers-own-token"

TRAINER = """
import argparse, json, os, sys, time

parser = argparse.ArgumentParser()
parser.add_argument("--job-dir")
parser.add_argument("--rate", type=float)
parser.add_argument("--layers", type=int)
parser.add_argument("--kind")
parser.add_argument("--base", type=float, default=0.0)
given = parser.parse_args()

# As cloudml-hypertune 0.1.0.dev6 does it: the whole file again for each report, values as text.
lines = []
def report(value, step):
    path = os.environ["CLOUD_ML_HP_METRIC_FILE"]
    lines.append(json.dumps({
        "timestamp": time.time(), "trial": os.environ["CLOUD_ML_TRIAL_ID"],
        os.environ["CLOUD_ML_HP_METRIC_TAG"]: str(value), "global_step": str(step), "checkpoint_path": "",
    }))
    with open(path, "w") as file:
        file.write("\\n".join(lines) + "\\n")

config = json.loads(os.environ["TF_CONFIG"])
assert config["task"]["trial"] == os.environ["CLOUD_ML_TRIAL_ID"], config
assert given.job_dir.endswith("/" + os.environ["CLOUD_ML_TRIAL_ID"]), given.job_dir
print("rate", given.rate, "kind", given.kind, flush=True)
if given.kind == "broken":
    raise RuntimeError("this kind is broken")
for step in (10, 20, 30):
    report(given.base - (given.rate - 0.3) ** 2 - step / 1e6, step)
with open(os.path.join(os.environ["AIP_MODEL_DIR"].rpartition("/")[0], "seen"), "w") as file:
    file.write(f"{given.rate!r} {given.layers} {given.kind}")
"""


class World:
    """A service with its API, and a trainer's package."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.settings = ServiceSettings(
            root=root / "state", cpus=16.0, memory_bytes=1 << 40, grace_seconds=0.2, infra_backoff_seconds=0.0
        )
        self.service = JobService(self.settings)
        self.service.start()
        principals = local_principals(TOKEN)
        self.api = Api(service=self.service, principals=principals, token_key=signing_key(principals))
        self.package = wheel(root, "trainer", modules={"task": TRAINER})

    def call(self, method: str, path: str, body: Any = None) -> Any:
        raw = b"" if body is None else msgspec.json.encode(body)
        request = HttpRequest(
            method=method, path=f"/v1/{path}", headers={"authorization": f"Bearer {TOKEN}"}, body=raw
        )
        reply = asyncio.run(answer(self.api, request))
        decoded = msgspec.json.decode(reply.body)
        assert reply.status == 200, decoded
        return decoded

    def create(self, job_id: str, hyperparameters: dict[str, Any], **training: Any) -> Any:
        document = {
            "region": "us-central1",
            "runtimeVersion": "2.11",
            "pythonVersion": "3.7",
            "packageUris": [str(self.package)],
            "pythonModule": "trainer.task",
            "jobDir": f"gs://bucket/{job_id}",
            "hyperparameters": hyperparameters,
            **training,
        }
        return self.call("POST", "projects/demo/jobs", {"jobId": job_id, "trainingInput": document})

    def wait(self, job_id: str, seconds: float = 60.0) -> Any:
        until = time.monotonic() + seconds
        while "endTime" not in (job := self.call("GET", f"projects/demo/jobs/{job_id}")):
            assert time.monotonic() < until, job
            time.sleep(0.02)
        return job

    def log(self, job_id: str) -> list[Any]:
        return [entry for _, entry in self.service.logs("demo", job_id, limit=10_000)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.service.stop()


RATE = {"parameterName": "rate", "type": "DOUBLE", "minValue": 0.0, "maxValue": 1.0}
LAYERS = {"parameterName": "layers", "type": "INTEGER", "minValue": 1, "maxValue": 3}
KIND = {"parameterName": "kind", "type": "CATEGORICAL", "categoricalValues": ["relu", "tanh"]}


def test_a_search_ends_with_its_trials_best_first(world: World) -> None:
    spec = {
        "goal": "MAXIMIZE",
        "params": [RATE, LAYERS, KIND],
        "maxTrials": 7,
        "maxParallelTrials": 3,
        "hyperparameterMetricTag": "accuracy of taxi",
    }
    made = world.create("search", spec)
    assert made["trainingInput"]["hyperparameters"]["maxTrials"] == 7
    job = world.wait("search")
    assert job["state"] == "SUCCEEDED", job
    output = job["trainingOutput"]
    assert output["isHyperparameterTuningJob"] is True
    assert output["completedTrialCount"] == "7"
    assert output["hyperparameterMetricTag"] == "accuracy of taxi"
    trials = output["trials"]
    assert sorted(trial["trialId"] for trial in trials) == [str(n) for n in range(1, 8)]
    values = [trial["finalMetric"]["objectiveValue"] for trial in trials]
    assert values == sorted(values, reverse=True)
    for trial in trials:
        given = trial["hyperparameters"]
        assert trial["state"] == "SUCCEEDED"
        assert trial["finalMetric"]["trainingStep"] == "30"
        assert trial["finalMetric"]["objectiveValue"] == pytest.approx(
            -((float(given["rate"]) - 0.3) ** 2) - 3e-5
        )
        # Each trial ran in a directory of its own, with the very values that the output shows.
        seen = world.root / "state" / "gcs" / "bucket" / "search" / trial["trialId"] / "seen"
        rate, layers, kind = seen.read_text().split()
        assert (float(rate), layers, kind) == (float(given["rate"]), given["layers"], given["kind"])
    lines = [(entry.trial_id, entry.message) for entry in world.log("search") if "rate" in entry.message]
    printed = {trial for trial, message in lines if message.startswith("rate ")}
    assert printed == {str(n) for n in range(1, 8)}


def test_failing_trials_fail_the_job(world: World) -> None:
    kind = {"parameterName": "kind", "type": "CATEGORICAL", "categoricalValues": ["broken"]}
    spec = {"goal": "MINIMIZE", "params": [RATE, kind], "maxTrials": 8, "maxFailedTrials": 2}
    world.create("broken", spec)
    job = world.wait("broken")
    assert job["state"] == "FAILED"
    assert job["errorMessage"].startswith("2 of 2 hyperparameter tuning trials failed. Trial 2: The replica ")
    assert "RuntimeError: this kind is broken" in job["errorMessage"]
    assert [trial["state"] for trial in job["trainingOutput"]["trials"]] == ["FAILED", "FAILED"]


def test_a_grid_ends_when_it_is_exhausted_and_another_job_goes_on_from_it(world: World) -> None:
    spec = {"algorithm": "GRID_SEARCH", "params": [LAYERS, KIND], "maxTrials": 4, "maxParallelTrials": 2}
    world.create("first", spec, args=["--rate=0.5"])
    first = world.wait("first")
    assert first["state"] == "SUCCEEDED", first
    again = {**spec, "maxTrials": 40, "resumePreviousJobId": "first"}
    world.create("second", again, args=["--rate=0.5"])
    second = world.wait("second")
    assert second["state"] == "SUCCEEDED", second
    both = [*first["trainingOutput"]["trials"], *second["trainingOutput"]["trials"]]
    points = {json.dumps(trial["hyperparameters"], sort_keys=True) for trial in both}
    assert len(both) == len(points) == 6
    assert sorted(int(trial["trialId"]) for trial in both) == [1, 2, 3, 4, 5, 6]


EVENTS = """
import argparse, os, pathlib, struct, time

parser = argparse.ArgumentParser()
parser.add_argument("--job-dir")
parser.add_argument("--layers", type=int)
given = parser.parse_args()
home = pathlib.Path(os.environ["AIP_TENSORBOARD_LOG_DIR"])
home.mkdir(parents=True)

def crc(data):
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    value ^= 0xFFFFFFFF
    return struct.pack("<I", ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF)

def report(step, value):
    tag = b"training/hptuning/metric"
    one = b"\\x0a" + bytes([len(tag)]) + tag + b"\\x15" + struct.pack("<f", value)
    summary = b"\\x0a" + bytes([len(one)]) + one
    event = b"\\x09" + struct.pack("<d", time.time()) + b"\\x10" + bytes([step])
    event += b"\\x2a" + bytes([len(summary)]) + summary
    size = struct.pack("<Q", len(event))
    with open(home / "events.out.tfevents.1.here", "ab") as file:
        file.write(size + crc(size) + event + crc(event))

# The first five trials are good ones; the sixth is not, and would take for ever.
good = given.layers <= 5
for step in (1, 2, 3):
    report(step, 1.0 if good else 0.25)
while not good:
    print("still here", flush=True)
    time.sleep(0.05)
"""


def test_event_files_are_read_and_a_hopeless_trial_is_stopped(world: World) -> None:
    world.package = wheel(world.root, "trainer", modules={"task": EVENTS})
    layers = {**LAYERS, "maxValue": 6}
    spec = {
        "algorithm": "GRID_SEARCH",
        "params": [layers],
        "maxTrials": 6,
        "maxParallelTrials": 1,
        "enableTrialEarlyStopping": True,
    }
    world.create("early", spec)
    job = world.wait("early")
    assert job["state"] == "SUCCEEDED", job
    trials = job["trainingOutput"]["trials"]
    assert [trial["finalMetric"] for trial in trials[:5]] == [
        {"trainingStep": "3", "objectiveValue": 1.0}
    ] * 5
    last = trials[5]
    assert (last["trialId"], last["state"], last["isTrialStoppedEarly"]) == ("6", "SUCCEEDED", True)
    assert last["finalMetric"] == {"trainingStep": "3", "objectiveValue": 0.25}


def test_cancelling_stops_every_trial(world: World) -> None:
    world.package = wheel(world.root, "trainer", modules={"task": "import time; time.sleep(600)"})
    world.create("cancel", {"params": [RATE], "maxTrials": 5, "maxParallelTrials": 2})
    until = time.monotonic() + 30
    while world.call("GET", "projects/demo/jobs/cancel")["state"] != "RUNNING":
        assert time.monotonic() < until
        time.sleep(0.02)
    world.call("POST", "projects/demo/jobs/cancel:cancel")
    job = world.wait("cancel")
    assert (job["state"], job["errorMessage"]) == ("CANCELLED", "Cancelled by user.")
    assert {trial["state"] for trial in job["trainingOutput"]["trials"]} == {"CANCELLED"}
