"""Which versions may be created. Pure. Contract: ml-jobs-service 1.12."""

from __future__ import annotations

from typing import Any

from tablecloud.jobs.api.labels import check_labels
from tablecloud.jobs.wire.errors import ApiError, field_error
from tablecloud.jobs.wire.schemas import JsonObject

_NOT_WITH_CONTAINER = ("runtimeVersion", "packageUris", "framework", "pythonVersion", "predictionClass")
_MAX_PACKAGES, _MAX_PATHS = 100, 50


def check_version(version: JsonObject) -> None:
    """Refuse a version whose fields contradict each other.

    Raises:
        ApiError: INVALID_ARGUMENT; UNIMPLEMENTED for custom containers.
    """
    if "container" in version:
        _check_container(version)
        raise ApiError(
            "UNIMPLEMENTED",
            "Versions of custom containers are not offered by this server. Use a framework it can load, or a "
            "custom prediction routine.",
        )
    if not version.get("deploymentUri"):
        raise field_error("version.deployment_uri", "The deployment URI is required.")
    if "routes" in version:
        raise field_error("version.routes", "Routes need a container.")
    _check_routine(version)
    check_labels(version.get("labels", {}), "version.labels")
    check_scaling(version)
    _check_explanation(version.get("explanationConfig"))


def check_scaling(version: JsonObject) -> None:
    """Refuse numbers of nodes that cannot be.

    Raises:
        ApiError: INVALID_ARGUMENT.
    """
    automatic, manual = version.get("autoScaling"), version.get("manualScaling")
    if automatic is not None and manual is not None:
        raise field_error(
            "version.manual_scaling", "At most one of auto_scaling and manual_scaling may be set."
        )
    if manual is not None and manual.get("nodes", 0) < 1:
        raise field_error("version.manual_scaling.nodes", "There must be at least one node.")
    if automatic is None:
        return
    least, most = automatic.get("minNodes", 0), automatic.get("maxNodes")
    if least < (1 if str(version.get("machineType", "")).startswith("n1-") else 0):
        raise field_error(
            "version.auto_scaling.min_nodes", "It must be at least 1 for n1 machine types, else 0."
        )
    if most is not None and most < max(1, least):
        raise field_error("version.auto_scaling.max_nodes", "It must be at least 1 and at least min_nodes.")


def _check_container(version: JsonObject) -> None:
    for name in _NOT_WITH_CONTAINER:
        if name in version:
            raise field_error("version.container", f"A version with a container must not set {name}.")
    if not version.get("machineType"):
        raise field_error("version.machine_type", "A version with a container needs a machine type.")


def _check_routine(version: JsonObject) -> None:
    routine, machine = version.get("predictionClass"), version.get("machineType", "")
    if routine and version.get("framework", "FRAMEWORK_UNSPECIFIED") != "FRAMEWORK_UNSPECIFIED":
        raise field_error(
            "version.prediction_class",
            'Exactly one of "prediction_class" and "framework" may be provided.',
        )
    if routine and not all(part.isidentifier() for part in routine.split(".")):
        raise field_error("version.prediction_class", "It must be a name such as module.Class.")
    if routine and machine and not machine.startswith("mls1-"):
        raise field_error("version.machine_type", "A custom prediction routine needs a machine type mls1-*.")
    if version.get("serviceAccount") and not routine:
        raise field_error(
            "version.service_account", "A service account needs a container or a prediction class."
        )
    if "acceleratorConfig" in version and not machine.startswith("n1-"):
        raise field_error("version.accelerator_config", "Accelerators need a machine type n1-*.")
    if len(version.get("packageUris", ())) > _MAX_PACKAGES:
        raise field_error("version.package_uris", f"There may be at most {_MAX_PACKAGES} packages.")


def _check_explanation(config: dict[str, Any] | None) -> None:
    if config is None:
        return
    if len(config) != 1:
        raise field_error("version.explanation_config", "Exactly one attribution method must be set.")
    paths = config.get("sampledShapleyAttribution", {"numPaths": 1}).get("numPaths", 0)
    if not 1 <= paths <= _MAX_PATHS:
        raise field_error(
            "version.explanation_config.sampled_shapley_attribution.num_paths",
            f"It must be from 1 to {_MAX_PATHS}.",
        )
