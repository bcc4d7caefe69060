"""The program of a worker process: load one model, then answer frames until nobody asks any more.

A frame is four bytes of length, big-endian, and a JSON object of that many bytes. Requests come on standard
input, replies leave on what standard output was at the start; the model's own prints go to standard error.

    {"op": "load", "model_dir": …, "framework": …, "prediction_class": …}  ->  {"framework": …}
    {"op": "predict", "request": {"instances": […], …kwargs}}              ->  {"predictions": […]}
    {"op": "explain", "request": {"instances": […]}, "plan": {…}}          ->  {"explanations": […]}

A failure of the model or of its inputs is `{"error": text, "code": 0-4}`. Standard library only, until a
model asks for more. Contract: ml-jobs-service 3.4, 4.
"""

from __future__ import annotations

import json
import math
import os
import queue
import signal
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from tablecloud.jobs.serving.explain import NotExplainable, Plan, explain
from tablecloud.jobs.serving.failures import INPUTS, LOAD, OUTPUTS, RUN, ModelFailure
from tablecloud.jobs.serving.frameworks import LoadedModel, load

LENGTH = struct.Struct(">I")
_METADATA = "explanation_metadata.json"
_NON_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def main() -> None:
    """Answer frames until the other end closes, then end with everything the model has started."""
    requests, replies = _take_pipes()
    frames: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read_all, args=(requests, frames), daemon=True).start()
    model: _Model | None = None
    while True:
        frame = frames.get()
        try:
            message: dict[str, Any] = json.loads(frame)
            if message.get("op") == "load":
                model = _Model(message)
                reply = {"framework": model.loaded.framework}
            elif model is None:
                raise ModelFailure(LOAD, "no model was loaded")
            else:
                reply = model.answer(message)
            body = encode(reply)
        except ModelFailure as failure:
            body = encode({"error": str(failure), "code": failure.code})
        except Exception as error:
            said = str(ModelFailure(RUN, f"{type(error).__name__}: {error}"))
            body = encode({"error": said, "code": RUN})
        replies.write(LENGTH.pack(len(body)) + body)
        replies.flush()


def encode(value: object) -> bytes:
    """Return a value as strict JSON; numbers that JSON cannot say are written as proto3 does: `"NaN"`.

    Raises:
        ModelFailure: OUTPUTS: a part of it has no JSON form.
    """
    try:
        text = json.dumps(value, default=_plain, allow_nan=False, ensure_ascii=False)
    except (TypeError, RecursionError) as error:
        raise ModelFailure(OUTPUTS, f"a prediction cannot be written as JSON: {error}") from error
    except ValueError:
        text = json.dumps(_finite(value), ensure_ascii=False)
    return text.encode("utf-8", "replace")


class _Model:
    """The model that this process has loaded."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._folder = Path(order["model_dir"])
        self.loaded: LoadedModel = _guarded(
            lambda: load(self._folder, order.get("framework", ""), order.get("prediction_class", ""))
        )

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        kwargs = dict(message["request"])
        instances = kwargs.pop("instances", None)
        if not isinstance(instances, list):
            raise ModelFailure(INPUTS, "instances must be a list")
        if message["op"] == "explain":
            return {"explanations": self._explain(instances, kwargs, message["plan"])}
        return {"predictions": self._ask(instances, kwargs)}

    def _ask(self, instances: list[Any], kwargs: dict[str, Any]) -> list[Any]:
        if not instances:
            return []
        predictions = self.loaded.predict(instances, **kwargs)
        if len(predictions) != len(instances):
            raise ModelFailure(
                OUTPUTS, f"the model gave {len(predictions)} predictions for {len(instances)} instances"
            )
        return predictions

    def _explain(self, instances: list[Any], kwargs: dict[str, Any], plan: dict[str, Any]) -> list[Any]:
        settings = {**_explanation_settings(self._folder), **plan}

        def ask(rows: list[list[float]]) -> list[Any]:
            plain: list[Any] = json.loads(json.dumps(self._ask(rows, kwargs), default=_plain))
            return plain

        try:
            return explain(ask, instances, Plan(**settings))
        except NotExplainable as error:
            raise ModelFailure(INPUTS, str(error)) from error


def _guarded(work: Callable[[], LoadedModel]) -> LoadedModel:
    """Run code of the model; what only programs may raise is a failure to load, too."""
    try:
        return work()
    except SystemExit as error:
        raise ModelFailure(LOAD, f"the model's code called exit({error.code})") from error


def _explanation_settings(folder: Path) -> dict[str, Any]:
    """Return what `explanation_metadata.json` beside the model says of its first input and output."""
    path = folder / _METADATA
    if not path.is_file():
        return {}
    settings: dict[str, Any] = {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        for name, spec in list(content.get("inputs", {}).items())[:1]:
            settings["input_name"] = name
            baselines = spec.get("input_baselines", [])
            first = baselines[0] if baselines and isinstance(baselines[0], list) else baselines
            settings["baseline"] = tuple(float(value) for value in first)
        for name in list(content.get("outputs", {}))[:1]:
            settings["output_name"] = name
    except (ValueError, TypeError, AttributeError) as error:
        raise ModelFailure(LOAD, f"{_METADATA} cannot be read: {error}") from error
    return settings


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Keep the two pipes away from the model's code: it reads nothing, and prints to standard error."""
    requests, replies = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    return os.fdopen(requests, "rb"), os.fdopen(replies, "wb")


def _read_all(requests: BinaryIO, frames: queue.SimpleQueue[bytes]) -> None:
    # In a thread, so that the end of the server ends a worker that is deep in a model, too.
    while len(head := requests.read(LENGTH.size)) == LENGTH.size:
        frames.put(requests.read(LENGTH.unpack(head)[0]))
    if os.getpgid(0) == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def _plain(value: Any) -> Any:
    """Return the JSON form of what numpy and others put into predictions."""
    if isinstance(value, bytes):
        import base64

        return {"b64": base64.b64encode(value).decode()}
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else _NON_FINITE[repr(float(value))]
    return value if isinstance(value, str | int | None) else _finite(_plain(value))
