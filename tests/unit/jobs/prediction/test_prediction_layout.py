from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tablecloud.errors import JobError
from tablecloud.jobs.attempts import Layout, Progress
from tablecloud.jobs.layout import Requirement
from tablecloud.jobs.machines import GIB
from tablecloud.jobs.model import AttemptSpec, Job, State
from tablecloud.jobs.prediction.layout import build_attempt, progress, requirements, with_prediction
from tablecloud.jobs.prediction.plan import PLAN_VARIABLE, Plan, Report, read_report, write_report
from tablecloud.jobs.serving.process import ModelSource
from tablecloud.jobs.settings import ServiceSettings
from tablecloud.jobs.storage import StorageError

GOOD = {
    "uri": "gs://bucket/model",
    "dataFormat": "JSON",
    "inputPaths": ["gs://bucket/in/*.json", "gs://bucket/é"],
    "outputPath": "gs://bucket/out",
    "region": "us-central1",
}


@pytest.fixture
def settings(tmp_path: Path) -> ServiceSettings:
    (tmp_path / "gcs" / "bucket" / "model").mkdir(parents=True)
    return ServiceSettings(root=tmp_path, cpus=4.0)


def job(**given: Any) -> Job:
    document = {name: value for name, value in {**GOOD, **given}.items() if value is not None}
    return Job(
        uid="0123456789ab",
        project="p",
        job_id="j",
        state=State.QUEUED,
        document={"predictionInput": document},
        create_time=0.0,
    )


def no_model(name: str) -> ModelSource:
    raise JobError(f"There is no {name}.")


def plan_of(spec: AttemptSpec) -> Plan:
    return msgspec.json.decode(spec.replicas[0].environment[PLAN_VARIABLE], type=Plan)


def test_an_attempt_is_our_program_with_a_plan(settings: ServiceSettings) -> None:
    spec = build_attempt(job(signatureName="s"), 2, "token", settings, no_model)
    [replica] = spec.replicas
    assert replica.name == "master-replica-0"
    assert replica.argv == (sys.executable, "-m", "tablecloud.jobs.prediction.run")
    assert replica.environment["CLOUD_ML_JOB_ID"] == "j"
    assert spec.packages == ()
    folder = settings.root / "attempts" / "0123456789ab" / "2"
    assert spec.folder == str(folder)
    assert plan_of(spec) == Plan(
        uid="0123456789ab",
        root=str(settings.root),
        folder=str(folder),
        python=sys.executable,
        model_dir=str(settings.root / "gcs" / "bucket" / "model"),
        signature_name="s",
        input_paths=["gs://bucket/in/*.json", "gs://bucket/é"],
        data_format="JSON",
        output_path="gs://bucket/out",
        batch_size=64,
        shards=10,
        workers=4,
    )


def test_the_environment_has_nothing_of_the_servers_secrets(
    settings: ServiceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    spec = build_attempt(job(), 1, "token", settings, no_model)
    assert "s3cret" not in str(spec.replicas[0].environment)


def test_a_version_is_looked_up(settings: ServiceSettings) -> None:
    asked = []

    def find(name: str) -> ModelSource:
        asked.append(name)
        return ModelSource(model_dir=Path("/m"), framework="XGBOOST", prediction_class="c.C", python="/py")

    for field in ("modelName", "versionName"):
        plan = plan_of(build_attempt(job(uri=None, **{field: field}), 1, "t", settings, find))
        assert (plan.model_dir, plan.framework, plan.prediction_class, plan.python) == (
            "/m",
            "XGBOOST",
            "c.C",
            "/py",
        )
    assert asked == ["modelName", "versionName"]
    with pytest.raises(JobError, match="There is no m"):
        build_attempt(job(uri=None, modelName="m"), 1, "t", settings, no_model)


def test_what_cannot_be_used_is_told(settings: ServiceSettings) -> None:
    with pytest.raises(JobError, match="The model folder gs://bucket/none does not exist"):
        build_attempt(job(uri="gs://bucket/none"), 1, "t", settings, no_model)
    (settings.root / "gcs" / "bucket" / "file").touch()
    with pytest.raises(StorageError, match="cannot write to gs://bucket/file"):
        build_attempt(job(outputPath="gs://bucket/file"), 1, "t", settings, no_model)


@pytest.mark.parametrize(
    ("most", "cpus", "workers"), [(None, 4.0, 4), ("2", 4.0, 2), ("50", 1.5, 1), ("3", 0.5, 1)]
)
def test_workers_are_no_more_than_processors(
    settings: ServiceSettings, most: str | None, cpus: float, workers: int
) -> None:
    given = replace(settings, cpus=cpus)
    needed = requirements(job(maxWorkerCount=most), given)
    assert needed == Requirement(cpus=float(workers), memory_bytes=workers * 2 * GIB)


def test_workers_of_a_whole_machine(settings: ServiceSettings) -> None:
    needed = requirements(job(maxWorkerCount="1000"), replace(settings, cpus=None))
    assert needed.cpus == len(os.sched_getaffinity(0))


def test_progress(settings: ServiceSettings) -> None:
    running = replace(job(), attempt=3)
    assert progress(running, settings) is None
    folder = settings.root / "attempts" / running.uid / "3"
    folder.mkdir(parents=True)
    write_report(folder, Report(predictions=5, errors=1, node_seconds=36.0, failure="no"))
    assert progress(running, settings) == Progress(
        output={
            "outputPath": "gs://bucket/out",
            "predictionCount": "5",
            "errorCount": "1",
            "nodeHours": 0.01,
        },
        failure="no",
    )


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"predictions": "5"}', b"\xff"])
def test_a_damaged_report_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "prediction.json").write_bytes(content)
    assert read_report(tmp_path) is None


def test_other_jobs_are_left_to_the_layout_below(settings: ServiceSettings) -> None:
    said = Progress(output={"x": 1})
    below = Layout(
        build=lambda job, attempt, token: ("built", attempt, token),  # type: ignore[arg-type,return-value]
        requirements=lambda job: Requirement(cpus=7.0, memory_bytes=1),
        progress=lambda job: said,
    )
    layout = with_prediction(below, settings, no_model)
    training = replace(job(), document={"trainingInput": {}})
    assert layout.build(training, 1, "t") == ("built", 1, "t")
    assert layout.requirements(training).cpus == 7.0
    assert layout.progress(training) is said
    assert layout.requirements(job()).cpus == 4.0
    assert layout.progress(job()) is None
    assert layout.build(job(), 1, "t").job_id == "j"
