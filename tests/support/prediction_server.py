"""A server process to be killed: takes one batch prediction job and then waits."""

from __future__ import annotations

import sys
from pathlib import Path

from prediction_bench import PredictionBench


def main(folder: Path) -> None:
    bench = PredictionBench(folder, infra_backoff_seconds=0.0)
    bench.create("survivor", batchSize="1")
    bench.until("survivor", lambda job: job["state"] == "RUNNING")
    print("running", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
