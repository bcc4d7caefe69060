"""The rules of contract 1.5, one case each."""

import pytest
from api_bench import TRAINING

from tablecloud.jobs.api.training import check_training, scheduling_of
from tablecloud.jobs.wire.errors import ApiError

CUSTOM = {"scaleTier": "CUSTOM", "masterType": "n1-standard-4"}
IMAGE = {"masterConfig": {"imageUri": "gcr.io/p/i"}}
NO_PYTHON = {"runtimeVersion": None, "pythonVersion": None, "packageUris": None, "pythonModule": None}


def made(changes):
    return {name: value for name, value in {**TRAINING, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"region": None}, "region"),
        ({"region": "Us Central"}, "region"),
        ({"runtimeVersion": None}, "runtime_version"),
        (IMAGE, "runtime_version"),
        ({"runtimeVersion": "two"}, "runtime_version"),
        ({"pythonVersion": None}, "python_version"),
        ({"pythonVersion": "3.5"}, "python_version"),
        ({"runtimeVersion": "1.14"}, "python_version"),
        ({"pythonVersion": "3.9"}, "python_version"),
        ({"packageUris": []}, "package_uris"),
        ({"packageUris": ["gs://bkt/x"] * 101}, "package_uris"),
        ({"packageUris": ["http://x"]}, "package_uris[0]"),
        ({"pythonModule": None}, "python_module"),
        ({"pythonModule": "-m x"}, "python_module"),
        ({"scaleTier": "CUSTOM"}, "master_type"),
        ({"masterType": "n1-standard-4"}, "master_type"),
        ({**CUSTOM, "masterType": "big-one"}, "master_type"),
        ({**CUSTOM, "workerCount": "2"}, "worker_type"),
        ({"workerCount": "2"}, "worker_count"),
        ({**CUSTOM, "workerType": "n1-standard-4", "workerCount": "-2"}, "worker_count"),
        ({**CUSTOM, "parameterServerCount": "1"}, "parameter_server_type"),
        ({"evaluatorType": "n1-standard-4"}, "evaluator_type"),
        ({**CUSTOM, "workerType": "standard", "workerCount": "1"}, "master_type"),
        ({"masterConfig": {"acceleratorConfig": {"type": "NVIDIA_TESLA_T4", "count": "1"}}},
         "master_config.accelerator_config"),
        ({**CUSTOM, "masterConfig": {"acceleratorConfig": {"type": "NVIDIA_TESLA_T4"}}},
         "master_config.accelerator_config.count"),
        ({"masterConfig": {"containerCommand": ["x"]}}, "master_config.container_command"),
        ({**NO_PYTHON, "args": ["a"], "masterConfig": {"imageUri": "i", "containerArgs": ["x"]}},
         "master_config.container_args"),
        ({"masterConfig": {"diskConfig": {"bootDiskType": "floppy"}}},
         "master_config.disk_config.boot_disk_type"),
        ({"scheduling": {"priority": 1001}}, "scheduling.priority"),
        ({"scheduling": {"priority": -1}}, "scheduling.priority"),
        ({"scheduling": {"maxRunningTime": "0s"}}, "scheduling.max_running_time"),
        ({"scheduling": {"maxWaitTime": "1799s"}}, "scheduling.max_wait_time"),
        ({"jobDir": "s3://x"}, "job_dir"),
        ({"jobDir": "gs://bucket/../other"}, "job_dir"),
        ({"jobDir": "gs://b"}, "job_dir"),
        ({"jobDir": "/tmp/a\0b"}, "job_dir"),
        ({"jobDir": "gs://bucket/a\n"}, "job_dir"),
        ({"enableWebAccess": True}, "enable_web_access"),
        ({"network": "default"}, "network"),
        ({"encryptionConfig": {"kmsKeyName": "k"}}, "encryption_config.kms_key_name"),
    ],
)  # fmt: skip
def test_refused(changes, field):
    with pytest.raises(ApiError) as caught:
        check_training(made(changes))
    assert caught.value.violations[0].field == f"training_input.{field}"
    assert caught.value.status == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"scaleTier": None},
        {"runtimeVersion": "1.15", "pythonVersion": "2.7"},
        {"runtimeVersion": "1.4", "pythonVersion": "3.5"},
        {**NO_PYTHON, **IMAGE},
        {**CUSTOM, "workerType": "n1-highcpu-8", "workerCount": "2", "evaluatorType": "n1-standard-4",
         "evaluatorCount": "1"},
        {**CUSTOM, "masterConfig": {"acceleratorConfig": {"type": "NVIDIA_TESLA_T4", "count": "1"}}},
        {"masterConfig": {"acceleratorConfig": {"type": "ACCELERATOR_TYPE_UNSPECIFIED", "count": "0"}}},
        {"scheduling": {"maxWaitTime": "1800s", "maxRunningTime": "0.500s", "priority": 1000}},
        {"enableWebAccess": False},
        {"network": "projects/12345/global/networks/n"},
        {"jobDir": "file:///tmp/x"},
    ],
)  # fmt: skip
def test_accepted(changes):
    check_training(made(changes))


def test_scheduling():
    assert scheduling_of({}) == (0, None, 604_800.0)
    scheduling = {"priority": 5, "maxWaitTime": "3600s", "maxRunningTime": "1.500s"}
    assert scheduling_of({"scheduling": scheduling}) == (5, 3600.0, 1.5)
