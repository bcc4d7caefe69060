"""A trial's attempt on the real layout: directory, arguments, environment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tablecloud.jobs.layout import build_attempt, requirements
from tablecloud.jobs.model import AttemptSpec, Job, State
from tablecloud.jobs.settings import ServiceSettings
from tablecloud.jobs.tuning.launch import build_trial
from tablecloud.jobs.tuning.spec import read_spec
from tablecloud.jobs.tuning.trials import Trial

TRAINING: dict[str, Any] = {
    "scaleTier": "CUSTOM",
    "masterType": "n1-standard-4",
    "workerType": "n1-standard-8",
    "workerCount": "1",
    "region": "us-central1",
    "runtimeVersion": "2.11",
    "pythonVersion": "3.7",
    "packageUris": ["gs://bucket/trainer-0.1.tar.gz"],
    "pythonModule": "trainer.task",
    "args": ["--epochs", "3"],
    "jobDir": "gs://bucket/out/",
    "hyperparameters": {
        "hyperparameterMetricTag": "loss",
        "maxTrials": 8,
        "maxParallelTrials": 3,
        "params": [
            {"parameterName": "first-layer", "type": "INTEGER", "minValue": -9, "maxValue": 9},
            {"parameterName": "rate", "type": "DOUBLE", "minValue": 0, "maxValue": 1},
            {"parameterName": "kind", "type": "CATEGORICAL", "categoricalValues": ["-a b", "c"]},
        ],
    },
}


def job(training: dict[str, Any] = TRAINING) -> Job:
    return Job(
        uid="0123456789ab",
        project="p",
        job_id="j",
        state=State.RUNNING,
        document={"trainingInput": training},
        create_time=0.0,
        attempt=1,
    )


def build(tmp_path: Path, training: dict[str, Any] = TRAINING) -> AttemptSpec:
    settings = ServiceSettings(root=tmp_path)
    trial = Trial(
        job_uid="0123456789ab",
        trial_id=7,
        state=State.PREPARING,
        assignment={"first-layer": -3, "rate": 0.084746223688125608, "kind": "-a b"},
        attempt=2,
        token="token",
        ref=None,
    )
    return build_trial(
        lambda one, attempt, token: build_attempt(one, attempt, token, settings),
        job(training),
        trial,
        read_spec(job(training).document),
    )


def test_arguments_come_after_the_directory_of_the_trial(tmp_path: Path) -> None:
    for replica in build(tmp_path).replicas:
        assert replica.argv[1:] == (
            "-m",
            "trainer.task",
            "--epochs",
            "3",
            "--job-dir",
            "gs://bucket/out/7",
            "--first-layer=-3",
            "--rate=0.084746223688125608",
            "--kind=-a b",
        )
    assert (tmp_path / "gcs" / "bucket" / "out" / "7").is_dir()


def test_environment(tmp_path: Path) -> None:
    spec = build(tmp_path)
    master, worker = spec.replicas
    assert spec.uid == "0123456789ab-t7"
    assert spec.folder == str(tmp_path / "attempts" / "0123456789ab-t7" / "2")
    found = master.environment
    assert (found["CLOUD_ML_TRIAL_ID"], found["CLOUD_ML_HP_METRIC_TAG"]) == ("7", "loss")
    assert found["CLOUD_ML_HP_METRIC_FILE"] == f"{spec.folder}/output.metrics"
    # A worker must not write over what the primary reports.
    assert worker.environment["CLOUD_ML_HP_METRIC_FILE"] != found["CLOUD_ML_HP_METRIC_FILE"]
    for replica in spec.replicas:
        config = json.loads(replica.environment["TF_CONFIG"])
        assert config["task"]["trial"] == "7" and config["task"]["index"] == 0
        assert json.loads(replica.environment["CLUSTER_SPEC"])["task"]["trial"] == "7"
        assert "@token:worker-replica-0@" in replica.environment["TF_CONFIG"]
    assert found["CLOUD_ML_JOB_ID"] == "j"
    assert json.loads(found["CLOUD_ML_JOB"]) == TRAINING
    assert found["AIP_MODEL_DIR"] == str(tmp_path / "gcs" / "bucket" / "out" / "7" / "model")


def test_a_job_without_a_directory(tmp_path: Path) -> None:
    training = {name: value for name, value in TRAINING.items() if name != "jobDir"}
    assert "--job-dir" not in build(tmp_path, training).replicas[0].argv


def test_the_logs_of_all_trials_share_the_limit_of_the_job(tmp_path: Path) -> None:
    assert build(tmp_path).log_limit_bytes == 8 * 1024 * 1024


def test_trials_that_run_at_once_are_admitted_together() -> None:
    assert requirements(job()).cpus == 3 * 12.0
    plain = {name: value for name, value in TRAINING.items() if name != "hyperparameters"}
    assert requirements(job(plain)).cpus == 12.0
