"""Small models on disk, as training jobs leave them."""

from __future__ import annotations

import pickle
from pathlib import Path

from job_archives import wheel

ROUTINE = '''
import json, os, pathlib, signal, sys, time

class Predictor:
    """A custom prediction routine that does what its instances say."""

    def __init__(self, factor):
        self._factor = factor

    def predict(self, instances, **kwargs):
        return [self._one(instance, kwargs) for instance in instances]

    def _one(self, instance, kwargs):
        if isinstance(instance, (int, float)):
            return instance * self._factor + kwargs.get("plus", 0)
        if isinstance(instance, list):
            return sum(value * self._factor for value in instance)
        print("asked for", instance)
        return getattr(self, instance)()

    def fail(self):
        raise ValueError("no such thing")

    def pid(self):
        return os.getpid()

    def nan(self):
        return float("nan")

    def raw(self):
        return b"\\x00\\x01"

    def thing(self):
        return object()

    def die(self):
        print("the last words")
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)

    def daemon(self):
        import subprocess
        return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True).pid

    def hang(self):
        while True:
            time.sleep(60)

    def environment(self):
        return dict(os.environ)

    @classmethod
    def from_path(cls, model_dir):
        return cls(json.loads((pathlib.Path(model_dir) / "factor.json").read_text()))


class Exits(Predictor):
    @classmethod
    def from_path(cls, model_dir):
        sys.exit("not today")


class Hangs(Predictor):
    @classmethod
    def from_path(cls, model_dir):
        pathlib.Path(model_dir, "loading").write_text(str(os.getpid()))
        time.sleep(600)


class HangsIfTold(Predictor):
    @classmethod
    def from_path(cls, model_dir):
        if pathlib.Path(model_dir, "hang").exists():
            return Hangs.from_path(model_dir)
        return super().from_path(model_dir)


class NoPath:
    def predict(self, instances, **kwargs):
        return []


class NoKwargs(Predictor):
    def predict(self, instances):
        return []
'''


def scikit_learn_model(folder: Path, name: str = "model.joblib") -> Path:
    """A linear regression: y = 2 a - b + 1, exactly."""
    import joblib
    from sklearn.linear_model import LinearRegression

    rows = [[0, 0], [1, 0], [0, 1], [1, 1]]
    model = LinearRegression().fit(rows, [2 * a - b + 1 for a, b in rows])
    folder.mkdir(parents=True, exist_ok=True)
    if name.endswith(".pkl"):
        (folder / name).write_bytes(pickle.dumps(model))
    else:
        joblib.dump(model, folder / name)
    return folder


def routine_model(folder: Path, factor: float = 3) -> Path:
    """The data of the custom prediction routine."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "factor.json").write_text(str(factor))
    return folder


def routine_package(folder: Path) -> Path:
    """The wheel of the routine: `routine.predictor.Predictor` and its bad sisters."""
    folder.mkdir(parents=True, exist_ok=True)
    return wheel(folder, "routine", modules={"predictor": ROUTINE})
