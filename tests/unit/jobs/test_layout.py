from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tablecloud.jobs.layout import UnsupportedJob, build_attempt, requirements, unsupported
from tablecloud.jobs.machines import GIB
from tablecloud.jobs.model import AttemptSpec, Job, ReplicaSpec, State
from tablecloud.jobs.storage import StorageError


@dataclass(frozen=True)
class Settings:
    root: Path
    grace_seconds: float = 1.0
    log_limit_bytes: int = 1000
    offline: bool = True


BASIC = {
    "scaleTier": "BASIC",
    "region": "us-central1",
    "runtimeVersion": "2.11",
    "pythonVersion": "3.7",
    "packageUris": ["gs://bucket/trainer-0.1.tar.gz"],
    "pythonModule": "trainer.task",
    "args": ["--epochs", "3"],
    "jobDir": "gs://bucket/out",
}
CUSTOM = BASIC | {
    "scaleTier": "CUSTOM",
    "masterType": "n1-standard-4",
    "workerType": "n1-standard-8",
    "workerCount": "2",
    "parameterServerType": "n1-highmem-2",
    "parameterServerCount": 1,
    "evaluatorType": "standard",
    "evaluatorCount": "1",
}


def job(**training: Any) -> Job:
    return Job(
        uid="0123456789ab",
        project="p",
        job_id="j",
        state=State.QUEUED,
        document={"trainingInput": training},
        create_time=0.0,
    )


def build(tmp_path: Path, **training: Any) -> AttemptSpec:
    return build_attempt(job(**training), 2, "token", Settings(tmp_path))


def config(replica: ReplicaSpec, variable: str = "TF_CONFIG") -> Any:
    return json.loads(replica.environment[variable])


def test_a_basic_job(tmp_path: Path) -> None:
    spec = build(tmp_path, **BASIC)
    folder = tmp_path / "attempts" / "0123456789ab" / "2"
    assert (spec.folder, spec.attempt_id, spec.token) == (str(folder), "0123456789ab-2", "token")
    assert spec.packages == (str(tmp_path / "gcs" / "bucket" / "trainer-0.1.tar.gz"),)
    (master,) = spec.replicas
    python = str(folder / "env" / "bin" / "python")
    assert master.argv == (python, "-m", "trainer.task", "--epochs", "3", "--job-dir", "gs://bucket/out")
    assert (master.name, master.role, master.index) == ("master-replica-0", "master", 0)
    assert master.cwd == str(folder / "work")
    assert (master.cpus, master.memory_bytes) == (4, 15 * GIB)
    assert (tmp_path / "gcs" / "bucket" / "out").is_dir()


def test_variables_of_the_contract(tmp_path: Path) -> None:
    environment = build(tmp_path, **BASIC).replicas[0].environment
    home = tmp_path / "gcs" / "bucket" / "out"
    expected = {
        "CLOUD_ML_JOB_ID": "j",
        "CLOUD_ML_PROJECT_ID": "p",
        "CLOUD_ML_REGION": "us-central1",
        "PYTHONUNBUFFERED": "1",
        "AIP_MODEL_DIR": str(home / "model"),
        "AIP_CHECKPOINT_DIR": str(home / "checkpoints"),
        "AIP_TENSORBOARD_LOG_DIR": str(home / "logs"),
        "TABLECLOUD_GCS_ROOT": str(tmp_path / "gcs"),
    }
    assert expected.items() <= environment.items()
    assert json.loads(environment["CLOUD_ML_JOB"]) == BASIC


def test_the_servers_environment_stays_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TABLECLOUD_TOKEN", "AWS_SECRET_ACCESS_KEY", "https_proxy", "PYTHONPATH", "MY_PATH"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("LC_TIME", "C")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    environment = build(tmp_path, **BASIC).replicas[0].environment
    assert "secret" not in json.dumps(environment)
    assert (environment["LC_TIME"], environment["CUDA_VISIBLE_DEVICES"]) == ("C", "1")
    assert environment["PATH"].startswith(str(tmp_path))


def test_a_lone_master_knows_its_cluster(tmp_path: Path) -> None:
    (master,) = build(tmp_path, **BASIC).replicas
    assert config(master) == {
        "cluster": {"chief": ["localhost:@token:master-replica-0@"]},
        "task": {"type": "chief", "index": 0},
        "job": config(master)["job"],
        "environment": "cloud",
    }
    assert config(master)["job"]["package_uris"] == BASIC["packageUris"]
    assert config(master)["job"]["args"] == config(master)["job"]["job_args"] == ["--epochs", "3"]
    assert list(config(master, "CLUSTER_SPEC")["cluster"]) == ["master"]


def test_old_runtimes_say_master(tmp_path: Path) -> None:
    (master,) = build(tmp_path, **{**BASIC, "runtimeVersion": "1.15"}).replicas
    assert config(master)["task"] == {"type": "master", "index": 0}


def test_a_custom_cluster(tmp_path: Path) -> None:
    replicas = build(tmp_path, **CUSTOM).replicas
    assert [replica.name for replica in replicas] == [
        "master-replica-0",
        "worker-replica-0",
        "worker-replica-1",
        "ps-replica-0",
        "evaluator-replica-0",
    ]
    clusters = [config(replica)["cluster"] for replica in replicas]
    assert all(cluster == clusters[0] for cluster in clusters)
    assert {role: len(hosts) for role, hosts in clusters[0].items()} == {"chief": 1, "worker": 2, "ps": 1}
    assert [config(replica)["task"] for replica in replicas[2:]] == [
        {"type": "worker", "index": 1},
        {"type": "ps", "index": 0},
        {"type": "evaluator", "index": 0},
    ]


@pytest.mark.parametrize(
    ("tier", "count"), [("BASIC", 1), ("STANDARD_1", 8), ("PREMIUM_1", 31), ("BASIC_GPU", 1)]
)
def test_tiers(tmp_path: Path, tier: str, count: int) -> None:
    assert len(build(tmp_path, **{**BASIC, "scaleTier": tier}).replicas) == count


def test_requirements_add_up() -> None:
    needed = requirements(job(**CUSTOM))
    assert needed.cpus == 4 + 2 * 8 + 2 + 4
    assert needed.memory_bytes == int((15 + 2 * 30 + 13 + 15) * GIB)


def test_no_tier_is_basic() -> None:
    assert requirements(job(pythonModule="m")).cpus == 4


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"trainingInput": {"workerConfig": {"imageUri": "x"}}}, "workerConfig.imageUri"),
        ({"trainingInput": {"scaleTier": "BASIC_TPU"}}, "BASIC_TPU"),
        ({"trainingInput": {"scaleTier": "CUSTOM", "masterType": "huge"}}, "huge"),
    ],
)
def test_unsupported_says_why(document: dict[str, Any], reason: str) -> None:
    said = unsupported(document)
    assert said is not None and reason in said
    with pytest.raises(UnsupportedJob, match=reason):
        requirements(
            Job(uid="u", project="p", job_id="j", state=State.QUEUED, document=document, create_time=0)
        )


def test_supported_is_none() -> None:
    assert unsupported({"trainingInput": BASIC}) is None
    assert unsupported({"trainingInput": CUSTOM}) is None


def test_custom_without_a_type_is_told() -> None:
    with pytest.raises(UnsupportedJob, match="worker"):
        requirements(job(scaleTier="CUSTOM", masterType="standard", workerCount=1))


def test_unusable_addresses_are_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        build(tmp_path, **{**BASIC, "jobDir": "gs://bucket/../x"})
    with pytest.raises(StorageError):
        build(tmp_path, **{**BASIC, "packageUris": ["s3://x/y"]})


def test_settings_without_effect_are_noted(tmp_path: Path) -> None:
    accelerated = {"masterConfig": {"acceleratorConfig": {"count": "1"}}}
    text = "\n".join(build(tmp_path, **CUSTOM, **accelerated, network="n").notices)
    assert "network" in text and "Python 3.7 is not installed" in text and "accelerators" in text
    assert build(tmp_path, pythonModule="m").notices == ()


def test_accelerators_are_those_of_the_type_and_those_attached(tmp_path: Path) -> None:
    attached = {
        "masterConfig": {"acceleratorConfig": {"type": "NVIDIA_TESLA_T4", "count": "2"}},
        "parameterServerConfig": {"acceleratorConfig": {"count": "1"}},
    }
    replicas = build(tmp_path, **CUSTOM, **attached).replicas
    assert {one.name: one.accelerators for one in replicas if one.accelerators} == {
        "master-replica-0": 2,
        "ps-replica-0": 1,
    }
    assert requirements(job(**CUSTOM, **attached)).accelerators == 3
    assert requirements(job(scaleTier="BASIC_GPU")).accelerators == 1
