"""What a PredictionInput must be, rule by rule, and whether its model can be asked.

Contract: ml-jobs-service 3.1.
"""

from __future__ import annotations

import re
from dataclasses import replace

from tablecloud.jobs.api.calls import Api, Call
from tablecloud.jobs.api.permissions import require
from tablecloud.jobs.api.training import LOCATION, REGION
from tablecloud.jobs.models.records import Refusal
from tablecloud.jobs.wire.errors import ApiError, field_error
from tablecloud.jobs.wire.schemas import JsonObject, snake_case

MAX_INPUT_BYTES = 64 * 1024
"""Of all input paths together; wildcards name more files in fewer words."""
MAX_BATCH_SIZE = 1_000_000
MAX_WORKERS = 99_999

_MODEL = re.compile(r"projects/[^/]+/models/[A-Za-z]\w{0,127}\Z")
_VERSION = re.compile(r"projects/[^/]+/models/[A-Za-z]\w{0,127}/versions/[A-Za-z]\w{0,127}\Z")
_MODEL_FIELDS = ("modelName", "versionName", "uri")
_OUTPUT_FORMATS = ("JSON", "CSV", "DATA_FORMAT_UNSPECIFIED")


def check_prediction(prediction: JsonObject) -> None:
    """Refuse a prediction input that breaks a rule; the first one broken is named.

    Parameters:
        prediction: in canonical form.

    Raises:
        ApiError: INVALID_ARGUMENT on `prediction_input.…`.
    """
    _check_model(prediction)
    _check_formats(prediction)
    _check_paths(prediction)
    _check_count(prediction, "batchSize", MAX_BATCH_SIZE)
    _check_count(prediction, "maxWorkerCount", MAX_WORKERS)
    region = prediction.get("region", "")
    if not region:
        raise _refuse("region", "The region is required.")
    if not REGION.match(region):
        raise _refuse("region", f"'{region[:80]}' is not the name of a region.")


def require_model(api: Api, call: Call, prediction: JsonObject) -> None:
    """Refuse a prediction input whose model is not ready, or is not the caller's to ask.

    Parameters:
        prediction: as `check_prediction` let it pass.

    Raises:
        ApiError: PERMISSION_DENIED, NOT_FOUND, FAILED_PRECONDITION.
    """
    field = "versionName" if prediction.get("versionName") else "modelName"
    if not (name := prediction.get(field)):
        return
    _, project, _, model, *rest = name.split("/")
    version = rest[-1] if rest else None
    # A model may belong to another project, and then the caller needs the permission there.
    there = replace(call, names={"projectsId": project})
    require(api, there, f"ml.{'versions' if version else 'models'}.predict", model=model)
    try:
        api.service.models.servable(project, model, version)
    except Refusal as refusal:
        raise field_error(
            f"prediction_input.{snake_case(field)}", refusal.message, status=refusal.status
        ) from refusal


def _refuse(path: str, text: str) -> ApiError:
    return field_error(f"prediction_input.{snake_case(path)}", text)


def _check_model(prediction: JsonObject) -> None:
    given = [name for name in _MODEL_FIELDS if prediction.get(name)]
    if len(given) != 1:
        raise _refuse("modelName", "Exactly one of model_name, version_name and uri must be set.")
    [name] = given
    value = str(prediction[name])
    if name == "uri":
        _check_location("uri", value)
    elif not (_MODEL if name == "modelName" else _VERSION).match(value):
        form = "projects/{project}/models/{model}" + ("/versions/{version}" * (name == "versionName"))
        raise _refuse(name, f"'{value[:200]}' does not have the form {form}.")


def _check_formats(prediction: JsonObject) -> None:
    if not prediction.get("dataFormat"):
        raise _refuse("dataFormat", "The data format is required.")
    if prediction["dataFormat"] == "CSV":
        raise _refuse("dataFormat", "CSV is a format of outputs only; use JSON, TF_RECORD or TF_RECORD_GZIP.")
    if prediction.get("outputDataFormat", "JSON") not in _OUTPUT_FORMATS:
        raise _refuse("outputDataFormat", "The output data format must be JSON or CSV.")


def _check_paths(prediction: JsonObject) -> None:
    paths = prediction.get("inputPaths", [])
    if not paths:
        raise _refuse("inputPaths", "At least one input path is required.")
    if sum(len(path.encode("utf-8", "replace")) for path in paths) > MAX_INPUT_BYTES:
        raise _refuse(
            "inputPaths", f"The paths are longer than {MAX_INPUT_BYTES} bytes together; use wildcards."
        )
    for index, path in enumerate(paths):
        _check_location(f"inputPaths[{index}]", path)
    output = prediction.get("outputPath", "")
    if not output:
        raise _refuse("outputPath", "The output path is required.")
    _check_location("outputPath", output)


def _check_location(path: str, uri: str) -> None:
    if not LOCATION.match(uri) or any(character < " " for character in uri):
        raise _refuse(path, f"'{uri[:200]}' is neither gs://bucket/…, file:///… nor an absolute path.")
    if ".." in uri.split("/"):
        raise _refuse(path, f"'{uri[:200]}' must not contain '..'.")


def _check_count(prediction: JsonObject, name: str, most: int) -> None:
    value = prediction.get(name)
    if value is not None and not 1 <= int(value) <= most:
        raise _refuse(name, f"It must be between 1 and {most}.")
