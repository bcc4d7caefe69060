"""A model for tests that does what its instances say, saved so that a worker needs nothing of the tests."""

from __future__ import annotations

import pickle
from pathlib import Path

# The name makes the framework detection take its classes for scikit-learn's.
MODULE = "peculiar_sklearn"
SOURCE = """
import os, signal, time
from pathlib import Path

class Peculiar:
    "Answers each number with its double, and does what words among the instances say."

    def __init__(self, folder):
        self.folder = Path(folder)

    def predict(self, instances):
        for instance in instances:
            if instance == "die":
                os.kill(os.getpid(), signal.SIGSEGV)
            if instance == "die once" and not (self.folder / "died").exists():
                (self.folder / "died").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            if instance == "wait":
                (self.folder / f"waiting-{os.getpid()}").touch()
                while not (self.folder / "go").exists():
                    time.sleep(0.01)
            if instance == "refuse":
                raise ValueError("refused")
        return [2 * one if isinstance(one, int) else one for one in instances]
"""


class _Saved:
    """Pickles as an expression that imports the module beside the model."""

    def __init__(self, expression: str) -> None:
        self.expression = expression

    def __reduce__(self) -> tuple[object, ...]:
        return eval, (self.expression,)


def save_peculiar(model_dir: Path, folder: Path) -> None:
    """Write the model; `folder` is where it leaves marks and looks for `go`."""
    model_dir.mkdir(parents=True, exist_ok=True)
    (model_dir / f"{MODULE}.py").write_text(SOURCE)
    path = f"__import__('sys').path.insert(0, {str(model_dir)!r})"
    expression = f"({path}, __import__({MODULE!r}).Peculiar({str(folder)!r}))[1]"
    (model_dir / "model.pkl").write_bytes(pickle.dumps(_Saved(expression)))
