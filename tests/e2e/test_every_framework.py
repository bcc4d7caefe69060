"""Each framework by SQL alone: train, deploy, predict online and in batch; the answers are the model's own.

Contract: ml-jobs-service 2, 3, 4; what a model says directly comes from a plain interpreter.
"""

from __future__ import annotations

import importlib.util
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from framework_trainers import FRAMEWORKS, ROUTINE_PREDICTOR, Framework
from job_archives import wheel

from tablecloud.connect import connect
from tablecloud.jobs.daemon import stop
from tablecloud.session import Session

pytest.importorskip("google.cloud.storage", reason="google-cloud-storage is not installed")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("root")
    yield made
    stop(made / "ml")


@pytest.fixture(scope="module")
def bucket(root: Path) -> Path:
    """The bucket `data`, with rows to learn from: target, then two features."""
    folder = root / "ml" / "gcs" / "data"
    folder.mkdir(parents=True)
    chance = random.Random(3)
    rows = [[chance.uniform(-5, 5) for _ in range(2)] for _ in range(200)]
    lines = (f"{3 * a - b + 2:.6f},{a:.6f},{b:.6f}\n" for a, b in rows)
    (folder / "train.csv").write_text("".join(lines))
    return folder


@pytest.fixture(scope="module")
def session(root: Path, bucket: Path) -> Iterator[Session]:
    with connect(root) as made:
        yield made


INSTANCES = [[1.5, -2.25], [0.0, 0.0], [-4.5, 3.25], [2.0, 2.0], [4.75, -4.0]]


def training(framework: Framework, folder: Path) -> dict[str, Any]:
    """Return what the job is told: an algorithm of the service's own, or a wheel made here."""
    said: dict[str, Any] = {"region": "us-central1", "jobDir": f"gs://data/{framework.name}"}
    if framework.image:
        args = ["--preprocess", "--training_data_path=gs://data/train.csv", "--model_type=regression"]
        if framework.name == "boosted_trees":
            args = ["--preprocess", "--training_data_path=gs://data/train.csv", "--objective=reg:linear"]
        return {**said, "masterConfig": {"imageUri": framework.image}, "args": args}
    package = wheel(folder, f"train_{framework.name}", modules={"task": framework.trainer})
    return {
        **said,
        "runtimeVersion": "2.11",
        "pythonVersion": "3.7",
        "packageUris": [str(package)],
        "pythonModule": f"train_{framework.name}.task",
        "args": ["--data=gs://data/train.csv"],
    }


def directly(framework: Framework, model: Path, instances: list[Any]) -> list[Any]:
    """Ask the model in a plain interpreter that knows nothing of the service."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", framework.oracle, str(model), json.dumps(instances)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def job(session: Session, job_id: str, kind: str, document: dict[str, Any]) -> dict[str, Any]:
    """Run a job to its end; return what became of it."""
    session.execute(
        f"INSERT /*+ AWAIT */ INTO google.ml.jobs (projectsId, jobId, {kind}Input) SELECT 'p', $1, JSON($2)",
        [job_id, json.dumps(document)],
    ).fetchall()
    found = session.execute(
        f"SELECT state, {kind}Output FROM google.ml.jobs WHERE projectsId = 'p' AND jobsId = $1", [job_id]
    )
    ((state, output),) = found.fetchall()
    assert state == "SUCCEEDED"
    return json.loads(output)


@pytest.mark.parametrize("framework", FRAMEWORKS, ids=lambda framework: framework.name)
def test_the_answers_are_the_models_own(session: Session, bucket: Path, framework: Framework) -> None:
    if framework.module and importlib.util.find_spec(framework.module) is None:
        pytest.skip(f"{framework.module} is not installed")
    work = bucket / f"{framework.name}_work"
    work.mkdir()
    job(session, f"train_{framework.name}", "training", training(framework, work))
    model = bucket / framework.name / "model"
    wanted = directly(framework, model, INSTANCES)
    assert wanted[0] != wanted[1]

    deploy(session, framework, work)
    asked = f"EXEC google.ml.projects.predict @name = 'projects/p/models/{framework.name}' @@json = $1"
    ((answer,),) = session.execute(asked, [json.dumps({"instances": INSTANCES})]).fetchall()
    assert values(json.loads(answer)["predictions"]) == pytest.approx(values(wanted), rel=1e-6)

    (work / "in.json").write_text("".join(json.dumps(one) + "\n" for one in INSTANCES))
    output = job(
        session,
        f"batch_{framework.name}",
        "prediction",
        {
            "dataFormat": "JSON",
            "region": "us-central1",
            "inputPaths": [f"gs://data/{framework.name}_work/in.json"],
            "outputPath": f"gs://data/{framework.name}_out",
            "modelName": f"projects/p/models/{framework.name}",
        },
    )
    assert output["predictionCount"] == str(len(INSTANCES))
    (results,) = (bucket / f"{framework.name}_out").glob("prediction.results-*")
    batch = [json.loads(line) for line in results.read_text().splitlines()]
    assert values(batch) == pytest.approx(values(wanted), rel=1e-6)


def deploy(session: Session, framework: Framework, work: Path) -> None:
    """Make the trained folder the model's first version."""
    fields = {
        "deploymentUri": f"gs://data/{framework.name}/model",
        "runtimeVersion": "2.11",
        **framework.fields,
    }
    if "predictionClass" in fields:
        package = wheel(work, "distance", modules={"predictor": ROUTINE_PREDICTOR})
        fields["packageUris"] = json.dumps([f"gs://data/{framework.name}_work/{package.name}"])
    session.execute(
        "INSERT INTO google.ml.models (projectsId, data__name) VALUES ('p', $1)", [framework.name]
    ).fetchall()
    names = ", ".join(fields)
    places = ", ".join(f"${place}" for place in range(2, 2 + len(fields)))
    session.execute(
        "INSERT /*+ AWAIT */ INTO google.ml.versions "
        f"(projectsId, modelsId, data__name, pythonVersion, {names}) VALUES ('p', $1, 'v1', '3.7', {places})",
        [framework.name, *fields.values()],
    ).fetchall()


def values(predictions: list[Any]) -> list[float]:
    """Return the numbers, also of TensorFlow's named outputs."""
    return [one["y"] if isinstance(one, dict) else one for one in predictions]
