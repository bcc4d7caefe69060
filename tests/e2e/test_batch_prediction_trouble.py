"""Batch prediction when models die, users cancel, and servers and machines fail."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from model_files import save_peculiar
from prediction_bench import JOBS, PredictionBench

from tablecloud.jobs.executors import processes

SERVER = Path(__file__).parents[1] / "support" / "prediction_server.py"
STATS = "prediction.errors_stats-00000-of-00001"
RESULTS = "prediction.results-00000-of-00001"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[PredictionBench]:
    made = PredictionBench(tmp_path, infra_backoff_seconds=0.0)
    save_peculiar(made.gcs / "data" / "model", tmp_path)
    yield made
    made.close()


def put(bench: PredictionBench, *instances: object) -> None:
    bench.put("in/a.json", "".join(json.dumps(instance) + "\n" for instance in instances))


def waiting(folder: Path) -> list[int]:
    """The processes whose model waits for `go`."""
    return [int(path.name.partition("-")[2]) for path in folder.glob("waiting-*")]


def wait_for_waiting(bench: PredictionBench, folder: Path, job_id: str) -> int:
    bench.until(job_id, lambda _: bool(waiting(folder)))
    return waiting(folder)[0]


def hidden(bench: PredictionBench, job_id: str) -> list[str]:
    return [name for name in bench.outputs(job_id) if name.startswith(".")]


def test_a_record_that_kills_the_model_costs_itself(bench: PredictionBench) -> None:
    put(bench, 1, 2, "die", 3, "refuse", 4)
    job = bench.run("deadly")
    assert job["state"] == "SUCCEEDED", job
    assert (job["predictionOutput"]["predictionCount"], job["predictionOutput"]["errorCount"]) == ("4", "2")
    assert bench.outputs("deadly")[RESULTS] == "2\n4\n6\n8\n"
    died, refused = bench.outputs("deadly")[STATS].splitlines()
    assert died == "('Failed to run the provided model: ValueError: refused (Error code: 2)', 1)"
    assert "ended by signal 11" in refused


def test_a_process_that_dies_once_costs_nothing(bench: PredictionBench) -> None:
    put(bench, 1, "die once", 3)
    job = bench.run("unlucky")
    assert job["predictionOutput"]["errorCount"] == "0"
    assert bench.outputs("unlucky")[RESULTS] == '2\n"die once"\n6\n'


def test_a_model_that_dies_on_everything_ends_the_job(bench: PredictionBench) -> None:
    put(bench, *["die"] * 30)
    job = bench.run("doomed")
    assert job["state"] == "FAILED"
    assert "process was lost 20 times" in job["errorMessage"]


def test_cancel_ends_the_model_and_leaves_nothing_half_done(bench: PredictionBench, tmp_path: Path) -> None:
    put(bench, 1, "wait")
    bench.create("cancelled")
    pid = wait_for_waiting(bench, tmp_path, "cancelled")
    bench.until("cancelled", lambda job: job["state"] == "RUNNING")
    assert hidden(bench, "cancelled")
    assert bench.send("POST", f"{JOBS}/cancelled:cancel") == (200, {})
    job = bench.finish("cancelled")
    assert job["state"] == "CANCELLED"
    assert bench.outputs("cancelled") == {}
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_progress_shows_while_it_runs(bench: PredictionBench, tmp_path: Path) -> None:
    put(bench, *range(64), "refuse", *range(10), "wait")
    bench.create("progress", batchSize="1")
    job = bench.until("progress", lambda job: job.get("predictionOutput", {}).get("predictionCount") == "74")
    assert job["state"] == "RUNNING"
    assert job["predictionOutput"]["errorCount"] == "1"
    assert job["predictionOutput"]["nodeHours"] >= 0
    (tmp_path / "go").touch()
    assert bench.finish("progress")["predictionOutput"]["predictionCount"] == "75"


def test_a_restarted_server_finds_the_job_again(bench: PredictionBench, tmp_path: Path) -> None:
    put(bench, 1, "wait", 3)
    bench.create("survivor")
    wait_for_waiting(bench, tmp_path, "survivor")
    bench.close()
    (tmp_path / "go").touch()
    bench.open()
    job = bench.finish("survivor")
    assert job["state"] == "SUCCEEDED"
    assert bench.outputs("survivor") == {RESULTS: '2\n"wait"\n6\n', STATS: ""}


def test_a_killed_run_is_done_again(bench: PredictionBench, tmp_path: Path) -> None:
    """The whole attempt is lost; the next one removes what it left, and nothing else."""
    put(bench, 1, "wait", 3)
    bench.create("killed")
    wait_for_waiting(bench, tmp_path, "killed")
    bench.until("killed", lambda job: job["state"] == "RUNNING")
    foreign = bench.put("killed/.tablecloud-prediction-ffff-00000.json", "of another job")
    for pid in processes.processes_of(f"{bench.service.get('demo', 'killed').uid}-1"):
        os.kill(pid, signal.SIGKILL)
    (tmp_path / "go").touch()
    job = bench.finish("killed")
    assert job["state"] == "SUCCEEDED", job
    assert bench.service.get("demo", "killed").attempt == 2
    assert bench.outputs("killed") == {foreign.name: "of another job", RESULTS: '2\n"wait"\n6\n', STATS: ""}


def test_a_killed_server_leaves_the_job_running(bench: PredictionBench, tmp_path: Path) -> None:
    put(bench, 1, "wait", 3)
    bench.close()
    server = subprocess.Popen(
        [sys.executable, str(SERVER), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(SERVER.parent), *sys.path])},
    )
    with server:
        assert server.stdout is not None
        assert server.stdout.readline() == "running\n"
        server.kill()
    bench.open()
    pid = wait_for_waiting(bench, tmp_path, "survivor")
    os.kill(pid, 0)
    (tmp_path / "go").touch()
    job = bench.finish("survivor")
    assert job["state"] == "SUCCEEDED"
    assert job["predictionOutput"]["predictionCount"] == "3"
    assert bench.service.get("demo", "survivor").attempt == 1
    assert bench.outputs("survivor") == {RESULTS: '2\n"wait"\n6\n', STATS: ""}
