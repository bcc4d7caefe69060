"""The pool with workers that answer with their process id, sleep or die as they are told."""

import json
import os
import sys
from pathlib import Path

import pytest

from tablecloud.errors import ServiceNotRunning
from tablecloud.jobs.serving.pool import Busy, Deployment, Pool
from tablecloud.jobs.serving.process import ModelError, ModelSource, WorkerLost, WorkerSilent
from tablecloud.jobs.serving.settings import ServingSettings

CODE = '''
import os, pathlib, time

class Predictor:
    """Answers with its process id; waits while a file named by the instance is there."""

    def predict(self, instances, **kwargs):
        for instance in instances:
            if instance == "die":
                os._exit(3)
            pathlib.Path(instance + ".seen").touch()
            while pathlib.Path(instance).exists():
                time.sleep(0.005)
        return [os.getpid() for _ in instances]

    @classmethod
    def from_path(cls, model_dir):
        return cls()
'''


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Bench:
    def __init__(self, folder: Path, **settings) -> None:
        self.folder = folder
        (folder / "modelcode.py").write_text(CODE)
        # A .pth file beside an interpreter's packages would do the same; PYTHONPATH stays out of workers.
        self.python = folder / "python"
        self.python.write_text(f'#!/bin/sh\nPYTHONPATH="{folder}" exec "{sys.executable}" "$@"\n')
        self.python.chmod(0o700)
        self.clock = Clock()
        self.pool = Pool(ServingSettings(**settings), now=self.clock)

    def deployment(self, **more) -> Deployment:
        source = ModelSource(
            model_dir=self.folder, prediction_class="modelcode.Predictor", python=str(self.python)
        )
        return Deployment(key="v", source=source, **more)

    def ask(self, *instances, **more):
        frame = json.dumps({"op": "predict", "request": {"instances": list(instances)}}).encode()
        return self.pool.ask(self.deployment(**more), frame)

    def pids(self, *instances, **more) -> list[int]:
        return json.loads(self.ask(*(instances or ("a",)), **more).result(60))["predictions"]

    def hold(self, name: str) -> tuple[str, Path]:
        path = self.folder / name
        path.touch()
        return str(path), path

    def wait_seen(self, name: str) -> None:
        import time

        give_up = time.monotonic() + 30
        while not (self.folder / f"{name}.seen").exists():
            assert time.monotonic() < give_up
            time.sleep(0.005)


@pytest.fixture
def make(tmp_path):
    made = []

    def bench(**settings):
        made.append(Bench(tmp_path, **settings))
        return made[-1]

    yield bench
    for one in made:
        one.pool.close()


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_one_worker_serves_request_after_request(make):
    bench = make()
    assert bench.pids() == bench.pids() != [os.getpid()]


def test_as_many_workers_as_nodes(make):
    bench = make()
    first, hold = bench.hold("first")
    waiting = bench.ask(first, nodes=2)
    bench.wait_seen("first")
    [second] = bench.pids(nodes=2)
    hold.unlink()
    [held] = json.loads(waiting.result(60))["predictions"]
    assert held != second


def test_one_node_takes_turns(make):
    bench = make()
    first, hold = bench.hold("first")
    waiting = bench.ask(first)
    bench.wait_seen("first")
    after = bench.ask("a")
    hold.unlink()
    assert waiting.result(60) == after.result(60)


def test_who_waits_too_long_is_told(make):
    bench = make(predict_timeout=0.3)
    bench.pids()
    first, hold = bench.hold("first")
    waiting, after = bench.ask(first), bench.ask("a")
    for future in (waiting, after):
        assert isinstance(future.exception(60), WorkerSilent)
    hold.unlink()
    assert len(bench.pids()) == 1


def test_seats_are_given_back(make):
    bench = make(concurrency=1)
    first, hold = bench.hold("first")
    waiting = bench.ask(first)
    with pytest.raises(Busy):
        bench.ask("a")
    hold.unlink()
    waiting.result(60)
    done = bench.ask("die")
    assert isinstance(done.exception(60), WorkerLost)
    assert "status 3" in str(done.exception())
    assert len(bench.pids()) == 1


def test_idle_workers_end(make):
    bench = make(idle_seconds=10)
    [pid] = bench.pids()
    bench.clock.now = 9
    bench.pool.reap()
    assert bench.pids() == [pid]
    bench.clock.now = 19.5
    bench.pool.reap()
    assert not alive(pid)
    assert bench.pids() != [pid]


def test_workers_of_versions_that_keep_nodes_stay(make):
    bench = make(idle_seconds=10)
    [pid] = bench.pids(keep=True)
    bench.clock.now = 100
    bench.pool.reap()
    assert alive(pid)


def test_a_model_that_no_longer_loads(make):
    bench = make()
    (bench.folder / "modelcode.py").unlink()
    error = bench.ask("a").exception(60)
    assert isinstance(error, ModelError)
    assert "modelcode.Predictor cannot be found" in error.message


def test_to_forget_a_version_ends_its_workers(make):
    bench = make()
    first, _ = bench.hold("first")
    waiting = bench.ask(first)
    bench.wait_seen("first")
    after = bench.ask("a")
    bench.pool.forget("v")
    assert isinstance(waiting.exception(60), WorkerLost)
    assert "no longer served" in str(after.exception(60))
    bench.pool.forget("v")


def test_close_ends_all_and_more_than_once(make):
    bench = make()
    [pid] = bench.pids()
    bench.pool.close()
    bench.pool.close()
    assert not alive(pid)
    with pytest.raises(ServiceNotRunning):
        bench.ask("a")
