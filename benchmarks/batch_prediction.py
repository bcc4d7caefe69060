"""Measure batch prediction: rows a second of a job against the model called directly in one process.

    python benchmarks/batch_prediction.py [--rows 300000] [--batch 64]

Both read lines of JSON, ask a scikit-learn model in batches and write lines of JSON. The baseline does it in
one plain loop. The job is `tablecloud.jobs.prediction.run` with one worker, and with one for each processor.
What a run over a single row takes (interpreters, imports, loading) is taken off once, also where two workers
start. `a core` divides by the processor seconds that a run used, coordinator and workers together. Goal: 0.8
of the baseline a core.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from tablecloud.jobs.prediction.plan import PLAN_VARIABLE, Plan, read_report

SOURCE = Path(__file__).parents[1] / "src"
FEATURES = 20
BASELINE = """
import json, sys
from itertools import islice
import joblib
model = joblib.load(sys.argv[1] + "/model.joblib")
size = int(sys.argv[4])
with open(sys.argv[2], "rb") as lines, open(sys.argv[3], "w") as output:
    while batch := list(islice(lines, size)):
        predictions = model.predict([json.loads(line) for line in batch]).tolist()
        output.writelines(json.dumps(one) + "\\n" for one in predictions)
"""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def main() -> None:
    """Print one table for each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--batch", type=int, default=64)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("linear", "forest"):
            measure(Path(folder) / kind, kind, options.rows, options.batch)


def measure(folder: Path, kind: str, rows: int, batch: int) -> None:
    """Compare the two ways of one model."""
    save_model(folder / "model", kind)
    many, single = write_rows(folder / "many.json", rows), write_rows(folder / "single.json", 1)
    base = net(lambda path: baseline(folder, path, batch), many, single)
    print(f"{kind} model, {rows:,} rows of {FEATURES} numbers, batches of {batch}")
    print(f"{'':24}{'rows/s':>10}{'a core':>10}{'of direct':>11}{'start-up s':>12}")
    show("direct call", rows, base, base)
    for workers in sorted({1, len(os.sched_getaffinity(0))}):
        times = net(lambda path, n=workers: job(folder, path, batch, n), many, single)
        show(f"job, {workers} worker(s)", rows, times, base)


def show(name: str, rows: int, times: tuple[float, float, float], base: tuple[float, float, float]) -> None:
    """Print one line."""
    wall, processor, startup = times
    share = base[1] / processor
    print(f"{name:24}{rows / wall:>10,.0f}{rows / processor:>10,.0f}{share:>11.2f}{startup:>12.2f}")


def net(run, many: Path, single: Path) -> tuple[float, float, float]:
    """Return wall and processor seconds of the rows alone, and the wall seconds of the start."""
    start, whole = run(single), run(many)
    return whole[0] - start[0], whole[1] - start[1], start[0]


def baseline(folder: Path, rows: Path, batch: int) -> tuple[float, float]:
    """Call the model in one loop."""
    command = ["-c", BASELINE, str(folder / "model"), str(rows), str(folder / "direct"), str(batch)]
    return timed([sys.executable, *command], {**os.environ, **ONE_THREAD})


def job(folder: Path, rows: Path, batch: int, workers: int) -> tuple[float, float]:
    """Run the program of a batch prediction job."""
    plan = Plan(
        uid="benchmark",
        root=str(folder),
        folder=str(folder),
        python=sys.executable,
        model_dir=str(folder / "model"),
        input_paths=[str(rows)],
        data_format="JSON",
        output_path=str(folder / "out"),
        batch_size=batch,
        workers=workers,
    )
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), PLAN_VARIABLE: msgspec.json.encode(plan).decode()}
    seconds = timed([sys.executable, "-m", "tablecloud.jobs.prediction.run"], environment)
    report = read_report(folder)
    assert report is not None and report.predictions and not report.errors, report
    return seconds


def timed(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Return the wall and the processor seconds of a command with all it starts."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def save_model(folder: Path, kind: str) -> None:
    """Train and save a model."""
    import joblib
    import numpy
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import LinearRegression

    random = numpy.random.default_rng(1)
    features = random.normal(size=(2000, FEATURES))
    model = LinearRegression() if kind == "linear" else RandomForestRegressor(50, max_depth=8, random_state=1)
    folder.mkdir(parents=True)
    joblib.dump(model.fit(features, features.sum(axis=1)), folder / "model.joblib")


def write_rows(path: Path, count: int) -> Path:
    """Write lines of numbers."""
    import numpy

    values = numpy.random.default_rng(2).normal(size=(count, FEATURES)).round(6).tolist()
    path.write_text("".join(json.dumps(row) + "\n" for row in values))
    return path


if __name__ == "__main__":
    main()
