"""Built-in algorithms for real: from a CSV by the API to a model that answers."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tablecloud.jobs.api.calls import Api, HttpRequest
from tablecloud.jobs.api.dispatch import answer
from tablecloud.jobs.api.principals import local_principals, signing_key
from tablecloud.jobs.service import JobService
from tablecloud.jobs.serving.frameworks import load
from tablecloud.jobs.settings import ServiceSettings

pytest.importorskip("xgboost")
pytest.importorskip("sklearn")

TOKEN = "the-servers-own-token"


class World:
    """A service with its API, and data in a bucket."""

    def __init__(self, root: Path) -> None:
        self.bucket = root / "gcs" / "bucket"
        self.bucket.mkdir(parents=True)
        self.service = JobService(ServiceSettings(root=root, cpus=64.0, memory_bytes=1 << 40))
        self.service.start()
        principals = local_principals(TOKEN)
        self.api = Api(service=self.service, principals=principals, token_key=signing_key(principals))

    def call(self, method: str, path: str, body: Any = None) -> Any:
        raw = b"" if body is None else msgspec.json.encode(body)
        headers = {"authorization": f"Bearer {TOKEN}"}
        request = HttpRequest(method=method, path=f"/v1/projects/demo/{path}", headers=headers, body=raw)
        reply = asyncio.run(answer(self.api, request))
        decoded = msgspec.json.decode(reply.body)
        assert reply.status == 200, decoded
        return decoded

    def train(self, name: str, args: list[str], job_id: str = "train", **training: Any) -> Any:
        image = {"imageUri": f"gcr.io/cloud-ml-algos/{name}:latest"}
        document = {
            "region": "us-central1",
            "masterConfig": image,
            "args": args,
            "jobDir": f"gs://bucket/{job_id}",
            **training,
        }
        self.call("POST", "jobs", {"jobId": job_id, "trainingInput": document})
        until = time.monotonic() + 90
        while "endTime" not in (job := self.call("GET", f"jobs/{job_id}")):
            assert time.monotonic() < until, job
            time.sleep(0.02)
        return job

    def lines(self, job_id: str = "train") -> list[str]:
        return [entry.message for _, entry in self.service.logs("demo", job_id)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "state")
    yield made
    made.service.stop()


def write(path: Path, records: list[list[object]]) -> None:
    path.write_text("".join(",".join(map(str, record)) + "\n" for record in records))


def test_boosted_trees_leave_a_model_that_a_version_serves(world: World) -> None:
    chance = random.Random(5)
    points = [(chance.random(), chance.random()) for _ in range(300)]
    write(world.bucket / "in.csv", [[int(x > 0.5), x, y] for x, y in points])
    args = [
        "--training_data_path=gs://bucket/in.csv",
        "--validation_split=0.2",
        "--test_split=0.1",
        "--objective=binary:logistic",
        "--num_boost_round=5",
        "--max_depth=3",
        "--eta=0.5",
    ]
    job = world.train("boosted_trees", args)
    assert job["state"] == "SUCCEEDED", (job, world.lines())
    output = job["trainingOutput"]
    assert output["isBuiltInAlgorithmJob"] is True
    assert "consumedMLUnits" in output
    made = output["builtInAlgorithmOutput"]
    assert made == {
        "framework": "XGBOOST",
        "pythonVersion": "3.7",
        "runtimeVersion": "2.11",
        "modelPath": "gs://bucket/train/model/",
    }
    world.call("POST", "models", {"name": "half", "regions": ["us-central1"]})
    version = {"name": "v1", "deploymentUri": made.pop("modelPath"), **made}
    operation = world.call("POST", "models/half/versions", version)
    until = time.monotonic() + 60
    while not operation.get("done"):
        assert time.monotonic() < until
        time.sleep(0.05)
        operation = world.call("GET", operation["name"].removeprefix("projects/demo/"))
    assert "error" not in operation, operation
    low, high = world.call("POST", "models/half:predict", {"instances": [[0.1, 0.5], [0.9, 0.5]]})[
        "predictions"
    ]
    assert low < 0.5 < high


def test_a_linear_model_answers_records_as_they_are_in_the_file(world: World) -> None:
    chance = random.Random(6)
    records: list[list[object]] = []
    for number in range(400):
        kind, x = chance.choice(["red", "blue"]), chance.uniform(-1, 1)
        shown = "" if number % 50 == 0 else x
        records.append(["yes" if kind == "red" else "no", shown, kind])
    write(world.bucket / "in.csv", records)
    args = ["--preprocess", "--training_data_path=gs://bucket/in.csv", "--model_type=classification"]
    job = world.train("linear_learner_cpu", [*args, "--validation_split=0.25", "--max_steps=200"])
    assert job["state"] == "SUCCEEDED", (job, world.lines())
    assert job["trainingOutput"]["builtInAlgorithmOutput"]["framework"] == "SCIKIT_LEARN"
    model = load(world.bucket / "train" / "model")
    assert model.framework == "SCIKIT_LEARN"
    assert model.predict([[0.5, "red"], [0.5, "blue"]]) == ["yes", "no"]
    metadata = msgspec.json.decode((world.bucket / "train" / "model" / "metadata.json").read_bytes())
    assert metadata["classes"] == ["no", "yes"]
    assert metadata["measures"]["validation"]["accuracy"] > 0.95


def test_categories_and_several_classes_in_trees(world: World) -> None:
    colours = ["red", "green", "blue"]
    write(world.bucket / "in.csv", [[colours.index(c), c, 1.5] for c in colours * 20])
    args = ["--preprocess=true", "--training_data_path=gs://bucket/in.csv", "--model_type=classification"]
    job = world.train("xgboost_dist", [*args, "--objective=reg:linear", "--num_class=3"])
    assert job["state"] == "SUCCEEDED", (job, world.lines())
    assert "training: accuracy 1, error 0" in world.lines()
    metadata = msgspec.json.decode((world.bucket / "train" / "model" / "metadata.json").read_bytes())
    assert metadata["categories"] == [{"blue": 0.0, "green": 1.0, "red": 2.0}, {}]
    assert load(world.bucket / "train" / "model").predict([[2.0, 1.5], [0.0, 1.5]]) == [0.0, 2.0]


def test_workers_leave_the_training_to_the_primary(world: World) -> None:
    write(world.bucket / "in.csv", [[2 * x, x] for x in range(50)])
    job = world.train(
        "xgboost_dist",
        ["--training_data_path=gs://bucket/in.csv"],
        scaleTier="CUSTOM",
        masterType="n1-standard-4",
        workerType="n1-standard-4",
        workerCount="2",
    )
    assert job["state"] == "SUCCEEDED", (job, world.lines())
    assert world.lines().count("Training on 50 records with 1 features.") == 1


def test_trials_report_their_measure(world: World) -> None:
    write(world.bucket / "in.csv", [[x * x, x] for x in range(100)])
    rounds = {"parameterName": "num_boost_round", "type": "DISCRETE", "discreteValues": [1, 30]}
    search = {
        "algorithm": "GRID_SEARCH",
        "goal": "MINIMIZE",
        "params": [rounds],
        "maxTrials": 2,
        "hyperparameterMetricTag": "rmse",
    }
    args = ["--training_data_path=gs://bucket/in.csv", "--validation_split=0.3"]
    job = world.train("boosted_trees", args, hyperparameters=search)
    assert job["state"] == "SUCCEEDED", (job, world.lines())
    best, worst = job["trainingOutput"]["trials"]
    assert best["hyperparameters"] == {"num_boost_round": "30"}
    assert best["finalMetric"]["objectiveValue"] < worst["finalMetric"]["objectiveValue"]
    assert (world.bucket / "train" / best["trialId"] / "model" / "model.bst").is_file()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--max_depth=deep"], "The arguments of boosted_trees are wrong: "),
        (["--training_data_path=gs://bucket/none.csv"], "The data gs://bucket/none.csv cannot be read: "),
        (["--training_data_path=gs://bucket/in.csv"], "Give --preprocess"),
        (
            ["--training_data_path=gs://bucket/in.csv", "--preprocess", "--objective=none"],
            "XGBoost refused: ",
        ),
    ],
)
def test_a_mistake_is_told_in_the_error_message(world: World, args: list[str], words: str) -> None:
    write(world.bucket / "in.csv", [[1, "a"], [2, "b"]])
    job = world.train("boosted_trees", args)
    assert job["state"] == "FAILED", job
    assert words in job["errorMessage"]
    assert "Traceback" not in "\n".join(world.lines())
    assert "modelPath" not in job["trainingOutput"]["builtInAlgorithmOutput"]


def test_an_algorithm_that_is_not_trained_here_fails_and_says_so(world: World) -> None:
    job = world.train("tab_net", [])
    assert job["state"] == "FAILED"
    assert "The built-in algorithm tab_net is not trained by this service" in job["errorMessage"]
    assert "container engine" in job["errorMessage"]
