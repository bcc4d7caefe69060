"""A server process to be killed while it creates a version."""

from __future__ import annotations

import sys
from pathlib import Path

from model_bench import ROUTINE, ModelBench


def main(root: Path) -> None:
    bench = ModelBench(root)
    (bench.bucket / "routine" / "hang").touch()
    bench.create_model()
    bench.create_version("ready")
    print(bench.begin_version("v", **{**ROUTINE, "predictionClass": "routine.predictor.HangsIfTold"})["name"])
    # Beside the creation under way, a worker that serves.
    print(bench.predict([[1, 1]])["predictions"], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
