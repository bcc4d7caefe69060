"""Airflow's operators of its Google provider 10.x against a running service.

`TABLECLOUD_TEST_AIRFLOW` names an interpreter that has `apache-airflow` 2 and its Google provider 10;
without it these tests are skipped. Contract: ml-jobs-service 6.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from framework_trainers import FRAMEWORKS
from job_archives import wheel

from tablecloud.jobs.daemon import ensure_running, stop

AIRFLOW = os.environ.get("TABLECLOUD_TEST_AIRFLOW", "")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not AIRFLOW, reason="TABLECLOUD_TEST_AIRFLOW names no interpreter that has Airflow"),
]
SCRIPT = Path(__file__).parents[1] / "support" / "airflow_operators.py"
SKLEARN = next(framework for framework in FRAMEWORKS if framework.name == "sklearn")


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("root") / "gcs" / "data"
    folder.mkdir(parents=True)
    (folder / "train.csv").write_text("".join(f"{2 * a - b},{a},{b}\n" for a in range(9) for b in range(9)))
    (folder / "in.json").write_text("[1, 2]\n[3, 4]\n")
    wheel(folder, "train_sklearn", modules={"task": SKLEARN.trainer})
    return folder


@pytest.fixture(scope="module")
def said(bucket: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each step gave."""
    root = bucket.parents[1]
    endpoint = ensure_running(root)
    environment = {
        **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
        "HOME": str(tmp_path_factory.mktemp("home")),
        "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT": "google-cloud-platform://",
    }
    try:
        done = subprocess.run(
            [AIRFLOW, str(SCRIPT), endpoint.url, str(endpoint.token_file)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    finally:
        stop(root)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_training_runs_and_a_repeated_task_finds_its_job(said: dict[str, Any]) -> None:
    assert said["train"] is None
    assert said["train again"] is None
    assert said["job"]["state"] == "SUCCEEDED"
    assert said["job"]["labels"].keys() == {"owner", "airflow-version"}


def test_a_failed_job_says_why(said: dict[str, Any]) -> None:
    assert said["train badly"].startswith(
        "RuntimeError: The replica master 0 exited with a non-zero status of 1"
    )
    assert "none.csv" in said["train badly"]


def test_cancelling(said: dict[str, Any]) -> None:
    # The hook takes the 400 of a finished job for an answer.
    assert said["cancel finished"] is None
    assert said["cancel unknown"].startswith("HttpError: <HttpError 404")


def test_models_and_versions(said: dict[str, Any]) -> None:
    assert said["create model"]["name"] == "projects/airflow/models/m"
    assert said["create v1"]["response"]["state"] == "READY"
    assert said["default"]["isDefault"] is True
    versions = {one["name"].rpartition("/")[2]: one.get("isDefault", False) for one in said["versions"]}
    assert versions == {"v1": False, "v2": True}
    assert said["model"]["defaultVersion"]["name"].endswith("/v2")
    assert said["delete v1"]["done"] is True
    assert said["delete model"] is None
    assert said["model is gone"] is None


@pytest.mark.parametrize(("step", "job_id"), [("predict", "by_version"), ("predict by default", "by_model")])
def test_batch_prediction(said: dict[str, Any], bucket: Path, step: str, job_id: str) -> None:
    assert said[step]["predictionCount"] == "2"
    (results,) = (bucket / job_id).glob("prediction.results-*")
    first, second = map(json.loads, results.read_text().splitlines())
    assert first == pytest.approx(0, abs=1) and second == pytest.approx(2, abs=1)
