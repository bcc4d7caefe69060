"""What a TrainingInput must be, rule by rule. Pure. Contract: ml-jobs-service 1.5, 2.10."""

from __future__ import annotations

import re

from tablecloud.jobs.tuning.parameters import BadParameter
from tablecloud.jobs.tuning.spec import is_tuning, read_spec
from tablecloud.jobs.wire.errors import ApiError, field_error
from tablecloud.jobs.wire.schemas import JsonObject, snake_case
from tablecloud.jobs.wire.times import NANOS, parse_duration

MAX_PACKAGES = 100
MIN_WAIT_SECONDS = 1800.0
DEFAULT_RUN_SECONDS = 604_800.0
_NO_ACCELERATOR = "ACCELERATOR_TYPE_UNSPECIFIED"

_REGION = re.compile(r"[a-z][a-z0-9-]{0,62}\Z")
_RUNTIME = re.compile(r"(\d{1,3})\.(\d{1,3})\Z", re.ASCII)
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*\Z")
_NETWORK = re.compile(r"projects/[^/]+/global/networks/[^/]+\Z")
_KMS_KEY = re.compile(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+\Z")
_COMPUTE_ENGINE = re.compile(r"[a-z]\d[a-z]?-[a-z]+-\d+[a-z]?\Z")
_LEGACY = re.compile(r"(standard|large_model|complex_model_[sml])(_gpu|_p100|_v100)?\Z")
_LOCATION = re.compile(r"(gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](/.*)?|file:///.+|/.+)\Z")

_ROLES = ("worker", "parameterServer", "evaluator")


def check_training(training: JsonObject) -> None:
    """Refuse a training input that breaks a rule; the first one broken is named.

    Parameters:
        training: in canonical form.

    Raises:
        ApiError: INVALID_ARGUMENT on `training_input.…`.
    """
    _check_region(training)
    _check_program(training)
    _check_machines(training)
    _check_containers(training)
    _check_scheduling(training.get("scheduling", {}))
    _check_tuning(training)
    _check_rest(training)


def scheduling_of(training: JsonObject) -> tuple[int, float | None, float]:
    """Return priority, seconds it may wait (None is for ever), seconds it may run."""
    scheduling = training.get("scheduling", {})
    wait, run = scheduling.get("maxWaitTime"), scheduling.get("maxRunningTime")
    return (
        scheduling.get("priority", 0),
        None if wait is None else parse_duration(wait) / NANOS,
        DEFAULT_RUN_SECONDS if run is None else parse_duration(run) / NANOS,
    )


def _refuse(path: str, text: str) -> ApiError:
    return field_error(".".join(["training_input", *map(snake_case, filter(None, path.split(".")))]), text)


def _image(training: JsonObject, role: str = "master") -> str:
    return str(training.get(f"{role}Config", {}).get("imageUri", ""))


def _check_region(training: JsonObject) -> None:
    region = training.get("region", "")
    if not region:
        raise _refuse("region", "The region is required.")
    if not _REGION.match(region):
        raise _refuse("region", f"'{region[:80]}' is not the name of a region.")


def _check_program(training: JsonObject) -> None:
    runtime, image = training.get("runtimeVersion", ""), _image(training)
    if bool(runtime) == bool(image):
        raise _refuse(
            "runtimeVersion", "Exactly one of runtime_version and master_config.image_uri must be set."
        )
    packages = training.get("packageUris", [])
    if len(packages) > MAX_PACKAGES:
        raise _refuse("packageUris", f"At most {MAX_PACKAGES} packages may be given.")
    for index, uri in enumerate(packages):
        if not _LOCATION.match(uri):
            raise _refuse(
                f"packageUris[{index}]", f"'{uri[:200]}' is neither gs://, file:// nor an absolute path."
            )
    module = training.get("pythonModule", "")
    if module and not _MODULE.match(module):
        raise _refuse("pythonModule", f"'{module[:200]}' is not the name of a module.")
    if image:
        return
    _check_python(runtime, training.get("pythonVersion", ""))
    if not packages:
        raise _refuse("packageUris", "At least one package is required unless a container image is given.")
    if not module:
        raise _refuse("pythonModule", "The Python module is required unless a container image is given.")


def _check_location(path: str, uri: str) -> None:
    if not _LOCATION.match(uri) or "\0" in uri:
        raise _refuse(path, f"'{uri[:200]}' is neither gs://bucket/…, file:///… nor an absolute path.")
    if ".." in uri.split("/"):
        raise _refuse(path, f"'{uri[:200]}' must not contain '..'.")


def _check_python(runtime: str, python: str) -> None:
    match = _RUNTIME.match(runtime)
    if match is None:
        raise _refuse("runtimeVersion", f"'{runtime[:80]}' is not a runtime version such as 2.11.")
    version = (int(match.group(1)), int(match.group(2)))
    if not python:
        raise _refuse("pythonVersion", "The Python version is required unless a container image is given.")
    fitting = {"3.7": version >= (1, 15), "3.5": (1, 4) <= version <= (1, 14), "2.7": version <= (1, 15)}
    if python not in fitting:
        raise _refuse("pythonVersion", f"'{python[:80]}' is not supported. Use {', '.join(fitting)}.")
    if not fitting[python]:
        allowed = ", ".join(name for name, fits in fitting.items() if fits)
        raise _refuse("pythonVersion", f"Runtime version {runtime} supports Python {allowed}, not {python}.")


def _check_machines(training: JsonObject) -> None:
    custom = training.get("scaleTier") == "CUSTOM"
    if custom and not training.get("masterType"):
        raise _refuse("masterType", "The master type is required when scale_tier is CUSTOM.")
    types = {role: training.get(f"{role}Type", "") for role in ("master", *_ROLES)}
    for role, machine in types.items():
        if machine and not custom:
            raise _refuse(f"{role}Type", "It may be set only when scale_tier is CUSTOM.")
        if machine and not (
            _COMPUTE_ENGINE.match(machine) or _LEGACY.match(machine) or machine == "cloud_tpu"
        ):
            raise _refuse(f"{role}Type", f"'{machine[:80]}' is not a machine type.")
    for role in _ROLES:
        _check_count(training, role, custom, types[role])
    families = {bool(_COMPUTE_ENGINE.match(name)) for name in types.values() if name and name != "cloud_tpu"}
    if len(families) > 1:
        raise _refuse(
            "masterType", "Compute Engine machine types and legacy machine types must not be mixed."
        )


def _check_count(training: JsonObject, role: str, custom: bool, machine: str) -> None:
    count = int(training.get(f"{role}Count", "0"))
    if count < 0:
        raise _refuse(f"{role}Count", "The count must not be negative.")
    if count and not custom:
        raise _refuse(f"{role}Count", "It may be set only when scale_tier is CUSTOM.")
    if count and not machine:
        raise _refuse(f"{role}Type", f"The machine type is required when {snake_case(role)}_count is set.")


def _check_containers(training: JsonObject) -> None:
    for role in ("master", *_ROLES):
        config, path = training.get(f"{role}Config", {}), f"{role}Config"
        # Workers, servers and evaluators fall back to the image of the master.
        image = _image(training, role) or _image(training)
        for name in ("containerCommand", "containerArgs"):
            if config.get(name) and not image:
                raise _refuse(f"{path}.{name}", "It needs an image_uri.")
            if config.get(name) and training.get("args"):
                raise _refuse(f"{path}.{name}", "It must not be set together with training_input.args.")
        _check_accelerator(training, role, config.get("acceleratorConfig"))
        _check_disk(config.get("diskConfig", {}), f"{path}.diskConfig")


def _check_accelerator(training: JsonObject, role: str, accelerator: JsonObject | None) -> None:
    path = f"{role}Config.acceleratorConfig"
    if accelerator is None or accelerator.get("type", _NO_ACCELERATOR) == _NO_ACCELERATOR:
        return
    if not _COMPUTE_ENGINE.match(training.get(f"{role}Type", "")):
        raise _refuse(path, "Accelerators may be attached only to Compute Engine machine types.")
    if int(accelerator.get("count", "0")) <= 0:
        raise _refuse(f"{path}.count", "The count of accelerators must be positive.")


def _check_disk(disk: JsonObject, path: str) -> None:
    if disk.get("bootDiskType", "pd-ssd") not in ("pd-ssd", "pd-standard", ""):
        raise _refuse(f"{path}.bootDiskType", "It must be pd-ssd or pd-standard.")
    if disk.get("bootDiskSizeGb", 0) < 0:
        raise _refuse(f"{path}.bootDiskSizeGb", "The size must not be negative.")


def _check_scheduling(scheduling: JsonObject) -> None:
    priority = scheduling.get("priority", 0)
    if not 0 <= priority <= 1000:
        raise _refuse("scheduling.priority", "The priority must be between 0 and 1000.")
    _, wait, run = scheduling_of({"scheduling": scheduling})
    if run <= 0:
        raise _refuse("scheduling.maxRunningTime", "The maximum running time must be positive.")
    if wait is not None and wait < MIN_WAIT_SECONDS:
        raise _refuse(
            "scheduling.maxWaitTime", f"The maximum wait time must be {MIN_WAIT_SECONDS:.0f}s or more."
        )


def _check_tuning(training: JsonObject) -> None:
    if not is_tuning({"trainingInput": training}):
        return
    try:
        read_spec({"trainingInput": training})
    except BadParameter as error:
        raise field_error(f"training_input.hyperparameters.{error.field}", error.message) from None


def _check_rest(training: JsonObject) -> None:
    job_dir = training.get("jobDir", "")
    if job_dir:
        _check_location("jobDir", job_dir)
    if training.get("enableWebAccess"):
        raise _refuse(
            "enableWebAccess", "Interactive shells are not offered here; set it to false or leave it out."
        )
    network = training.get("network", "")
    if network and not _NETWORK.match(network):
        raise _refuse("network", "It must be projects/{number}/global/networks/{name}.")
    key = training.get("encryptionConfig", {}).get("kmsKeyName", "")
    if key and not _KMS_KEY.match(key):
        raise _refuse(
            "encryptionConfig.kmsKeyName",
            "It must be projects/{project}/locations/{location}/keyRings/{ring}/cryptoKeys/{key}.",
        )
