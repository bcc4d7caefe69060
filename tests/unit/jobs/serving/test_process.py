import json
import os
import select
import subprocess
import sys
import threading
import time

import pytest
from model_folders import ROUTINE, routine_model, scikit_learn_model

from tablecloud.jobs.serving.process import (
    ModelError,
    ModelSource,
    WorkerLost,
    WorkerProcess,
    WorkerSilent,
)


@pytest.fixture
def routine(tmp_path):
    """A worker of the custom routine, found on PYTHONPATH instead of in an environment."""
    code = tmp_path / "code" / "routine"
    code.mkdir(parents=True)
    (code / "__init__.py").write_text("")
    (code / "predictor.py").write_text(ROUTINE)
    folder = routine_model(tmp_path / "model")

    def start(name="Predictor"):
        source = ModelSource(model_dir=folder, prediction_class=f"routine.predictor.{name}")
        worker = WorkerProcess(source, extra={"PYTHONPATH": str(code.parent)})
        workers.append(worker)
        return worker

    workers = []
    yield start
    for worker in workers:
        worker.close()


@pytest.fixture
def loaded(routine):
    worker = routine()
    assert worker.load(timeout=60) == "CUSTOM"
    return worker


def test_scikit_learn_model(tmp_path):
    with WorkerProcess(ModelSource(model_dir=scikit_learn_model(tmp_path))) as worker:
        assert worker.load(timeout=60) == "SCIKIT_LEARN"
        assert worker.predict([[1, 2], [3, 4]], timeout=10, signature_name="x") == pytest.approx([1, 3])
        with pytest.raises(ModelError, match=r"^Failed to run the provided model: ValueError") as failed:
            worker.predict([[1, 2, 3]], timeout=10)
        assert failed.value.code == 2
        assert worker.predict([], timeout=10) == []


def test_kwargs_and_one_failure_leave_the_worker_good(loaded):
    assert loaded.predict([1, 2], timeout=10, plus=1) == [4, 7]
    with pytest.raises(ModelError, match=r"prediction code: ValueError: no such thing \(Error code: 4\)"):
        loaded.predict(["fail"], timeout=10)
    assert loaded.predict([1], timeout=10) == [3]


def test_what_json_cannot_say(loaded):
    assert loaded.predict(["nan", "raw"], timeout=10) == ["NaN", {"b64": "AAE="}]
    with pytest.raises(ModelError, match="object has no JSON form") as failed:
        loaded.predict(["thing"], timeout=10)
    assert failed.value.code == 3


def test_a_large_request_and_a_large_reply(loaded):
    rows = list(range(300_000))
    assert loaded.predict(rows, timeout=30) == [3 * row for row in rows]


def test_instances_must_be_a_list(loaded):
    frame = json.dumps({"op": "predict", "request": {"instances": 3}}).encode()
    with pytest.raises(ModelError) as failed:
        loaded.ask(frame, timeout=10)
    assert failed.value.code == 1


def test_the_end_of_the_process_says_how(loaded):
    with pytest.raises(WorkerLost, match=r"by signal 9\. Its last words: the last words"):
        loaded.predict(["die"], timeout=10)
    with pytest.raises(WorkerLost):
        loaded.predict([1], timeout=10)


def test_silence_ends_the_process(loaded):
    [pid] = loaded.predict(["pid"], timeout=10)
    with pytest.raises(WorkerSilent, match="did not answer"):
        loaded.predict(["hang"], timeout=0.2)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_what_left_the_group_ends_too(loaded):
    [pid] = loaded.predict(["daemon"], timeout=10)
    handle = os.pidfd_open(pid)
    loaded.close()
    assert select.select([handle], [], [], 20)[0], "the daemon lives on"
    os.close(handle)


def test_kill_from_another_thread_ends_a_load(routine, tmp_path):
    worker = routine("Hangs")
    marker = tmp_path / "model" / "loading"

    def kill_when_loading():
        while not marker.exists():
            time.sleep(0.01)
        worker.kill()

    killer = threading.Thread(target=kill_when_loading)
    killer.start()
    with pytest.raises(WorkerLost, match="by signal 9"):
        worker.load(timeout=60)
    killer.join()


@pytest.mark.parametrize(
    "name, said",
    [
        ("Exits", "Failed to load model: the model's code called exit"),
        ("NoPath", "must have a class method from_path"),
        ("NoKwargs", "must take exactly"),
        ("Missing", "cannot be found"),
    ],
)
def test_routines_of_the_wrong_shape(routine, name, said):
    with pytest.raises(ModelError, match=said):
        routine(name).load(timeout=60)


def explained(worker, instances):
    order = {"op": "explain", "request": {"instances": instances}, "plan": {"paths": 2}}
    return json.loads(worker.ask(json.dumps(order).encode(), timeout=10))["explanations"]


def test_explain_by_the_metadata_beside_the_model(loaded, tmp_path):
    path = tmp_path / "model" / "explanation_metadata.json"
    path.write_text(
        json.dumps(
            {"inputs": {"x": {"input_baselines": [[1, 1]]}}, "outputs": {"total": {}}, "framework": "?"}
        )
    )
    [found] = explained(loaded, [[2, 5]])[0]["attributions_by_label"]
    assert found["attributions"] == {"x": pytest.approx([3, 12])}
    assert (found["baseline_score"], found["output_name"]) == (6, "total")
    path.write_text('{"inputs": [1]}')
    with pytest.raises(ModelError, match=r"explanation_metadata.json cannot be read"):
        explained(loaded, [[2, 5]])


def test_the_servers_secrets_stay_out(loaded, monkeypatch, routine):
    monkeypatch.setenv("SECRET_TOKEN", "hush")
    worker = routine()
    worker.load(timeout=60)
    [environment] = worker.predict(["environment"], timeout=10)
    assert "SECRET_TOKEN" not in environment
    assert "PATH" in environment


def test_no_interpreter(tmp_path):
    with pytest.raises(WorkerLost, match="cannot be started"):
        WorkerProcess(ModelSource(model_dir=tmp_path, python=str(tmp_path / "nothing")))


def test_a_killed_server_leaves_no_worker(tmp_path):
    program = """
import sys
from tablecloud.jobs.serving.process import ModelSource, WorkerProcess
worker = WorkerProcess(ModelSource(model_dir=sys.argv[1], framework="SCIKIT_LEARN"))
print(worker.pid, flush=True)
sys.stdin.read()
"""
    server = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    pid = int(server.stdout.readline())
    handle = os.pidfd_open(pid)
    server.kill()
    server.wait()
    assert select.select([handle], [], [], 20)[0], "the worker lives on"
    os.close(handle)
    server.stdin.close()
    server.stdout.close()
