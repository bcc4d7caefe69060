"""Turn a training job's document into the replicas to start: their number, sizes, commands and environments.

A replica's environment holds `@<token>:<replica name>@` where the port of a replica belongs; whoever starts
the replicas allocates the ports and fills them in, because only then are they known to be free.
Contract: ml-jobs-service 2.1-2.5.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import tablecloud
from tablecloud.errors import JobError
from tablecloud.jobs import packages
from tablecloud.jobs.builtin.registry import ALGORITHMS, REPORT_FILE, REPORT_VARIABLE, algorithm_name
from tablecloud.jobs.machines import TIERS, Machine, machine
from tablecloud.jobs.model import AttemptSpec, Job, ReplicaSpec
from tablecloud.jobs.storage import Storage
from tablecloud.jobs.tuning.spec import is_tuning, read_spec

_INHERITED = re.compile(
    r"PATH|HOME|LANG|LC_\w+|TZ|USER|LOGNAME|TMPDIR|LD_LIBRARY_PATH|CUDA_\w+|NVIDIA_\w+|OMP_NUM_THREADS"
)
"""What a job sees of the server's own environment; secrets and proxies stay out."""

_ROLES = (
    ("worker", "worker", "worker"),
    ("ps", "parameterServer", "parameterServer"),
    ("evaluator", "evaluator", "evaluator"),
)
"""Role, and the stems of the fields `<stem>Type` and `<stem>Count` of CUSTOM."""

_CHIEF_SINCE = (2, 1)
"""From this runtime version on the primary is `chief` in TF_CONFIG."""

_NO_EFFECT = {
    "network": "the network has no effect here: the job uses this machine's",
    "serviceAccount": "the service account has no effect here: the job runs as the user of the service",
    "encryptionConfig": "the encryption key has no effect here: files are written as they are",
}


class UnsupportedJob(JobError):
    """A job that is valid and that this version does not run."""


class AttemptSettings(Protocol):
    """What of the service's settings an attempt depends on."""

    @property
    def root(self) -> Path:
        """The state root."""
        ...

    @property
    def grace_seconds(self) -> float:
        """Between TERM and KILL."""
        ...

    @property
    def log_limit_bytes(self) -> int:
        """Of one attempt's log."""
        ...

    @property
    def offline(self) -> bool:
        """Whether installing may not ask an index."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What all replicas of a job ask for together; whoever admits clips it to the machine."""

    cpus: float
    memory_bytes: int
    accelerators: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Replica:
    """One replica before it has a command: its place in the cluster and its machine."""

    role: str
    index: int
    machine: Machine

    @property
    def name(self) -> str:
        return f"{self.role}-replica-{self.index}"


def unsupported(document: Mapping[str, Any]) -> str | None:
    """Say why this version does not run a job, in a sentence; None when it does.

    Parameters:
        document: the job's, with `trainingInput` or `predictionInput`.
    """
    training = document.get("trainingInput", {})
    # A built-in algorithm that is not trained here is accepted as any image of Google's; its attempt fails.
    images = () if algorithm_name(training) else ("master", "worker", "parameterServer", "evaluator")
    for role in images:
        if training.get(f"{role}Config", {}).get("imageUri"):
            return f"Custom containers are not run by this service yet ({role}Config.imageUri)."
    tier = training.get("scaleTier", "BASIC")
    if tier != "CUSTOM" and tier not in TIERS:
        return f"The scale tier {tier} needs hardware that this service does not have."
    names = [training.get(f"{role}Type") for role in ("master", "worker", "parameterServer", "evaluator")]
    unknown = [name for name in names if name and machine(name) is None]
    return f"The machine type {unknown[0]} is not known to this service." if unknown else None


def inherited_environment() -> dict[str, str]:
    """Return what every job sees of the server's own environment."""
    return {name: value for name, value in os.environ.items() if _INHERITED.fullmatch(name)}


def requirements(job: Job) -> Requirement:
    """Return what a job asks of the machine.

    Raises:
        UnsupportedJob: this version does not run it.
    """
    machines = [replica.machine for replica in _replicas(job.document)]
    # The trials of a tuning job that run at once are admitted together.
    times = read_spec(job.document).parallel_trials if is_tuning(job.document) else 1
    return Requirement(
        cpus=times * sum(machine.cpus for machine in machines),
        memory_bytes=times * sum(machine.memory_bytes for machine in machines),
        accelerators=times * sum(machine.accelerators for machine in machines),
    )


def build_attempt(job: Job, attempt: int, token: str, settings: AttemptSettings) -> AttemptSpec:
    """Return everything that one attempt of a job needs, having made the folder of its `jobDir`.

    Raises:
        UnsupportedJob: this version does not run the job.
        BadParameter: it is a tuning job whose search breaks a rule.
        StorageError: an address of the job cannot be used.
    """
    storage = Storage(settings.root)
    training = job.document.get("trainingInput", {})
    folder = (settings.root / "attempts" / job.uid / str(attempt)).absolute()
    replicas = _replicas(job.document)
    if is_tuning(job.document):
        read_spec(job.document)  # what it cannot search must be found out now, not trial by trial
    if job_dir := training.get("jobDir"):
        storage.check_writable(job_dir)
    shared = _shared_environment(job, training, storage, folder)
    return AttemptSpec(
        uid=job.uid,
        attempt=attempt,
        token=token,
        project=job.project,
        job_id=job.job_id,
        job=job.document,
        folder=str(folder),
        grace_seconds=settings.grace_seconds,
        log_limit_bytes=settings.log_limit_bytes,
        replicas=tuple(
            ReplicaSpec(
                name=replica.name,
                role=replica.role,
                index=replica.index,
                argv=_command(training, folder),
                environment={**shared, **_cluster_environment(replica, replicas, training, token)},
                cwd=str(folder / "work"),
                cpus=replica.machine.cpus,
                memory_bytes=replica.machine.memory_bytes,
                accelerators=replica.machine.accelerators,
            )
            for replica in replicas
        ),
        packages=tuple(str(storage.local_path(uri)) for uri in training.get("packageUris", ())),
        offline=settings.offline,
        notices=tuple(_notices(training, replicas)),
    )


def _replicas(document: Mapping[str, Any]) -> list[_Replica]:
    """Return the replicas of a job, the primary first.

    Raises:
        UnsupportedJob: this version does not run the job.
    """
    if reason := unsupported(document):
        raise UnsupportedJob(reason)
    training = document.get("trainingInput", {})
    machines = _custom(training) if training.get("scaleTier") == "CUSTOM" else _tier(training)
    found: list[_Replica] = []
    for role, (name, count) in machines.items():
        size = machine(name)
        if size is None and count:
            raise UnsupportedJob(f"The job does not say which machine type its {role} replicas have.")
        size = _accelerated(size, role, training) if size else None
        found += [_Replica(role=role, index=i, machine=size) for i in range(count) if size]
    return found


def _accelerated(size: Machine, role: str, training: Mapping[str, Any]) -> Machine:
    """Return a machine with the accelerators that the job attaches to it."""
    stem = "parameterServer" if role == "ps" else role
    config = training.get(f"{stem}Config", {}).get("acceleratorConfig", {})
    return replace(size, accelerators=size.accelerators + int(config.get("count", 0)))


def _tier(training: Mapping[str, Any]) -> dict[str, tuple[str, int]]:
    tier = TIERS[training.get("scaleTier", "BASIC")]
    return {
        "master": (tier.master, 1),
        "worker": (tier.worker, tier.workers),
        "ps": (tier.parameter_server, tier.parameter_servers),
    }


def _custom(training: Mapping[str, Any]) -> dict[str, tuple[str, int]]:
    machines = {"master": (training.get("masterType", ""), 1)}
    for role, type_stem, count_stem in _ROLES:
        machines[role] = (training.get(f"{type_stem}Type", ""), int(training.get(f"{count_stem}Count", 0)))
    return machines


def _command(training: Mapping[str, Any], folder: Path) -> tuple[str, ...]:
    """Return the argv of every replica; `--job-dir` comes last, as two words.

    Raises:
        UnsupportedJob: the job names a built-in algorithm that is not trained here.
    """
    if name := algorithm_name(training):
        argv = [sys.executable, "-m", _program(name)]
        argv += training.get("masterConfig", {}).get("containerArgs", ())
    else:
        argv = [packages.environment_python(folder / "env"), "-m", training.get("pythonModule", "")]
    argv += training.get("args", ())
    if job_dir := training.get("jobDir"):
        argv += ["--job-dir", job_dir]
    return tuple(argv)


def _program(algorithm: str) -> str:
    if found := ALGORITHMS.get(algorithm):
        return found.module
    raise UnsupportedJob(
        f"The built-in algorithm {algorithm} is not trained by this service, and it has no container engine "
        f"to run its image with. Trained here: {', '.join(ALGORITHMS)}."
    )


def _shared_environment(
    job: Job, training: Mapping[str, Any], storage: Storage, folder: Path
) -> dict[str, str]:
    """Return what all replicas of a job find in their environment."""
    environment = inherited_environment()
    environment |= {
        "PATH": f"{folder / 'env' / 'bin'}:{environment.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
        "CLOUD_ML_JOB_ID": job.job_id,
        "CLOUD_ML_PROJECT_ID": job.project,
        "CLOUD_ML_JOB": json.dumps(training),
        "CLOUD_ML_REGION": training.get("region", ""),
        "TABLECLOUD_GCS_ROOT": str(storage.gcs_root.absolute()),
    }
    if algorithm_name(training):
        environment |= {
            "PYTHONPATH": str(Path(tablecloud.__file__).parents[1]),
            REPORT_VARIABLE: str(folder / REPORT_FILE),
        }
    if job_dir := training.get("jobDir"):
        home = storage.local_path(job_dir).absolute()
        environment |= {
            "AIP_MODEL_DIR": str(home / "model"),
            "AIP_CHECKPOINT_DIR": str(home / "checkpoints"),
            "AIP_TENSORBOARD_LOG_DIR": str(home / "logs"),
        }
    return environment


def _cluster_environment(
    replica: _Replica, replicas: list[_Replica], training: Mapping[str, Any], token: str
) -> dict[str, str]:
    """Return TF_CONFIG and CLUSTER_SPEC of one replica."""
    job = {**_snake_case(training), "job_args": training.get("args", [])}

    def config(primary: str) -> dict[str, Any]:
        cluster: dict[str, list[str]] = {}
        for other in replicas:
            if other.role != "evaluator":
                role = primary if other.role == "master" else other.role
                cluster.setdefault(role, []).append(f"localhost:@{token}:{other.name}@")
        task = {"type": primary if replica.role == "master" else replica.role, "index": replica.index}
        return {"cluster": cluster, "task": task, "job": job}

    primary = "chief" if _runtime_version(training) >= _CHIEF_SINCE else "master"
    return {
        "TF_CONFIG": json.dumps(config(primary) | {"environment": "cloud"}),
        "CLUSTER_SPEC": json.dumps(config("master")),
    }


def _runtime_version(training: Mapping[str, Any]) -> tuple[int, ...]:
    """Return `2.11` as (2, 11); (0,) when there is none that reads as numbers."""
    numbers = re.findall(r"\d+", training.get("runtimeVersion", ""))
    return tuple(map(int, numbers)) or (0,)


def _snake_case(value: Any) -> Any:
    """Return a document with its field names as the service's own logs spell them."""
    if isinstance(value, Mapping):
        return {re.sub(r"([A-Z])", r"_\1", key).lower(): _snake_case(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_snake_case(item) for item in value]
    return value


def _notices(training: Mapping[str, Any], replicas: list[_Replica]) -> list[str]:
    """Return what the user should know about settings that mean something else here."""
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    notices = [f"Note: {text}." for name, text in _NO_EFFECT.items() if training.get(name)]
    if (asked := training.get("pythonVersion")) and asked != running:
        notices.append(
            f"Note: runtime {training.get('runtimeVersion', '')} with Python {asked} is not installed here; "
            f"the job runs under Python {running}."
        )
    if asked := sum(replica.machine.accelerators for replica in replicas):
        notices.append(f"Note: of {asked} accelerators the job gets those that this machine has.")
    return notices
