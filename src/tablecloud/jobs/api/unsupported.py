"""What this server refuses by design, and the sentence that says so. Pure."""

from __future__ import annotations

from tablecloud.jobs.wire.errors import ApiError
from tablecloud.jobs.wire.schemas import JsonObject

_MISSING = {
    "studies": "Studies and trials (Vizier) are not offered by this server.",
    "models": "Models and versions are not offered by this server.",
    "predict": "Online prediction is not offered by this server.",
    "explain": "Online explanation is not offered by this server.",
}


def unsupported_job(document: JsonObject) -> str | None:
    """Return why a job cannot be run here; None where it can.

    Parameters:
        document: `{"trainingInput": {...}}` or `{"predictionInput": {...}}`.
    """
    training = document.get("trainingInput")
    if training is None:
        return "Batch prediction jobs (prediction_input) are not offered by this server; use training_input."
    if "hyperparameters" in training:
        return "Hyperparameter tuning (training_input.hyperparameters) is not offered by this server."
    for role in ("master", "worker", "parameter_server", "evaluator"):
        config = training.get({"parameter_server": "parameterServer"}.get(role, role) + "Config", {})
        if config.get("imageUri"):
            return (
                f"Custom containers (training_input.{role}_config.image_uri) are not offered by this server; "
                "use package_uris and python_module."
            )
    return None


def unimplemented(method: str) -> ApiError:
    """Return the answer of a method of the API that this server does not have.

    Parameters:
        method: Discovery id, such as `ml.projects.models.create`.
    """
    words = method.split(".")
    reason = next((_MISSING[word] for word in words if word in _MISSING), "This server does not offer it.")
    return ApiError("UNIMPLEMENTED", f"Method {method} is not implemented. {reason}")
