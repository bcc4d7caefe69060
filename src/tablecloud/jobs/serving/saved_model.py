"""Load a TensorFlow SavedModel and ask its signatures. For worker processes; TensorFlow is an extra.

Contract: ml-jobs-service 3.4.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tablecloud.jobs.serving.failures import INPUTS, LOAD, OUTPUTS, RUN, ModelFailure

_DEFAULT = "serving_default"


def load_saved_model(folder: Path) -> Callable[..., list[Any]]:
    """Return `predict(instances, signature_name="")` of a SavedModel.

    Raises:
        ModelFailure: LOAD: TensorFlow is not installed, or the files are no model with signatures.
    """
    try:
        import tensorflow
    except ImportError as error:
        raise ModelFailure(
            LOAD,
            f"TensorFlow is not installed where the model is served ({error}). Install it beside the service "
            "with: pip install 'tablecloud[tensorflow]'",
        ) from error
    try:
        model = tensorflow.saved_model.load(str(folder))
        signatures = dict(model.signatures)
    except Exception as error:
        raise ModelFailure(LOAD, f"Could not load the model: {type(error).__name__}: {error}") from error

    def predict(instances: Sequence[Any], signature_name: str = "", **unknown: Any) -> list[Any]:
        if unknown:
            raise ModelFailure(INPUTS, f"TensorFlow models take no argument {', '.join(sorted(unknown))}.")
        _ = model  # the signatures do not keep their model's variables alive
        signature = _signature(signatures, signature_name)
        return _rows(_run(tensorflow, signature, instances), len(instances))

    return predict


def _signature(signatures: dict[str, Any], name: str) -> Any:
    if not name:
        name = next(iter(signatures)) if len(signatures) == 1 else _DEFAULT
    if name not in signatures:
        raise ModelFailure(INPUTS, f"No signature found for signature key {name}.")
    return signatures[name]


def _run(tensorflow: Any, signature: Any, instances: Sequence[Any]) -> dict[str, Any]:
    specs = signature.structured_input_signature[1]
    columns = _columns(instances, sorted(specs))
    try:
        tensors = {
            name: tensorflow.constant(
                [_decoded(value) for value in column] if specs[name].dtype == tensorflow.string else column,
                dtype=specs[name].dtype,
            )
            for name, column in columns.items()
        }
    except (ValueError, TypeError) as error:
        raise ModelFailure(INPUTS, f"{type(error).__name__}: {error}") from error
    try:
        return {alias: tensor.numpy() for alias, tensor in signature(**tensors).items()}
    except Exception as error:
        # What follows names lines of TensorFlow's own source.
        text = str(error).partition("\n\nCaused by op")[0]
        raise ModelFailure(RUN, f"{type(error).__name__}: {text}") from error


def _columns(instances: Sequence[Any], names: list[str]) -> dict[str, list[Any]]:
    """Return the values of each input; a model of one input takes bare values as well."""
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for index, instance in enumerate(instances):
        row = instance
        if len(names) == 1 and not (isinstance(instance, dict) and set(instance) == set(names)):
            row = {names[0]: instance}
        if not isinstance(row, dict) or set(row) != set(names):
            raise ModelFailure(INPUTS, f"Instance {index} must have the inputs {', '.join(names)}.")
        for name in names:
            columns[name].append(row[name])
    return columns


def _decoded(value: Any) -> Any:
    """Return a string input with each `{"b64": …}` as its bytes."""
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    if isinstance(value, dict) and set(value) == {"b64"}:
        try:
            return base64.b64decode(value["b64"], validate=True)
        except (binascii.Error, TypeError, ValueError) as error:
            raise ModelFailure(INPUTS, f"A value is no base64: {error}") from error
    return value


def _rows(outputs: dict[str, Any], count: int) -> list[Any]:
    for alias, values in outputs.items():
        if values.ndim == 0 or len(values) != count:
            raise ModelFailure(OUTPUTS, f"The output {alias} has not one value for each instance.")
    columns = {alias: _plain(values.tolist(), alias.endswith("_bytes")) for alias, values in outputs.items()}
    return [{alias: values[index] for alias, values in columns.items()} for index in range(count)]


def _plain(value: Any, as_bytes: bool) -> Any:
    if isinstance(value, list):
        return [_plain(item, as_bytes) for item in value]
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()} if as_bytes else value.decode("utf-8", "replace")
    return value
