"""The HTTP face with models behind it: files below `gs://models`, real worker processes."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import msgspec
from api_bench import ApiBench
from model_folders import routine_model, routine_package, scikit_learn_model

from tablecloud.jobs.serving.settings import ServingSettings
from tablecloud.jobs.settings import ServiceSettings

PARENT = "/v1/projects/demo"
ROUTINE = {
    "deploymentUri": "gs://models/routine",
    "predictionClass": "routine.predictor.Predictor",
    "packageUris": ["gs://models/packages/routine-0.1-py3-none-any.whl"],
}
SKLEARN = {"deploymentUri": "gs://models/sklearn", "framework": "SCIKIT_LEARN"}


def lay_out(root: Path) -> Path:
    """Put a model of each kind into the bucket; return the bucket's folder."""
    bucket = root / "gcs" / "models"
    routine_model(bucket / "routine")
    routine_package(bucket / "packages")
    scikit_learn_model(bucket / "sklearn")
    (bucket / "broken").mkdir()
    (bucket / "broken" / "model.pkl").write_bytes(b"no pickle")
    (bucket / "empty").mkdir()
    return bucket


def loading(root: Path) -> int:
    """Wait until a model hangs in its worker; return the worker's process id."""
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        for marker in (root / "models").glob("*/model/loading"):
            if text := marker.read_text():
                return int(text)
        time.sleep(0.01)
    raise AssertionError("no model is being loaded")


def gone(pid: int) -> bool:
    """Wait until a process is no more; False where it stays."""
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


class ModelBench(ApiBench):
    """An `ApiBench` that knows models."""

    def __init__(self, root: Path, serving: ServingSettings | None = None) -> None:
        self.root = root
        self.bucket = lay_out(root)
        super().__init__(
            root, settings=ServiceSettings(root=root, cpus=1.0, serving=serving or ServingSettings())
        )

    def create_model(self, name: str = "m", **fields: Any) -> Any:
        return self.call("POST", f"{PARENT}/models", {"name": name, **fields})

    def begin_version(self, name: str, model: str = "m", **fields: Any) -> Any:
        return self.call("POST", f"{PARENT}/models/{model}/versions", {"name": name, **fields})

    def create_version(self, name: str = "v", model: str = "m", **fields: Any) -> Any:
        """Create a version, and return its operation once it has ended."""
        return self.ended(self.begin_version(name, model, **(fields or SKLEARN))["name"])

    def ended(self, name: str) -> Any:
        give_up = time.monotonic() + 60
        while time.monotonic() < give_up:
            operation = self.call("GET", f"/v1/{name}")
            if operation["done"]:
                return operation
            time.sleep(0.02)
        raise AssertionError(f"{name} has not ended")

    def predict(self, instances: Any, name: str = "models/m", status: int = 200, **kwargs: Any) -> Any:
        reply = self.send("POST", f"{PARENT}/{name}:predict", {"instances": instances, **kwargs})
        assert reply.status == status, reply.body
        return msgspec.json.decode(reply.body)
