"""Creations that are cancelled, crash, or find the work of a crash."""

import pytest
from model_bench import PARENT, ROUTINE, ModelBench, gone, loading

from tablecloud.errors import JobError
from tablecloud.jobs.models import creation

HANGS = {**ROUTINE, "predictionClass": "routine.predictor.Hangs"}


def test_cancel_ends_the_worker_and_fails_the_version(bench):
    bench.create_model()
    operation = bench.begin_version("v", **HANGS)
    pid = loading(bench.root)
    version = f"{PARENT}/models/m/versions/v"
    assert bench.refusal("DELETE", version)[1] == "FAILED_PRECONDITION"
    assert bench.refusal("PATCH", f"{version}?updateMask=labels", {})[1] == "FAILED_PRECONDITION"
    assert bench.call("POST", f"/v1/{operation['name']}:cancel") == {}
    ended = bench.ended(operation["name"])
    assert ended["error"] == {"code": 1, "message": "The operation was cancelled."}
    assert ended["metadata"]["isCancellationRequested"] is True
    assert gone(pid)
    assert bench.call("GET", version)["state"] == "FAILED"
    assert list((bench.root / "models").iterdir()) == []


def test_a_stopped_server_goes_on_at_its_next_start(tmp_path):
    first = ModelBench(tmp_path / "root")
    first.create_model()
    operation = first.begin_version("v", **HANGS)
    pid = loading(first.root)
    first.service.stop()
    assert gone(pid)
    # What lay there when the server stopped is not trusted, and what belongs to no version goes.
    stray = first.root / "models" / "stray"
    stray.mkdir()
    hurry = first.bucket / "packages" / "routine-0.1-py3-none-any.whl"
    hurry.unlink()
    first.service.start()
    ended = first.ended(operation["name"])
    assert "routine-0.1-py3-none-any.whl" in ended["error"]["message"]
    assert first.call("GET", f"{PARENT}/models/m/versions/v")["state"] == "FAILED"
    assert not stray.exists()
    first.close()


def test_a_cancel_that_a_stop_interrupted_is_kept(bench):
    bench.create_model()
    operation = bench.begin_version("v", **HANGS)
    loading(bench.root)
    store = bench.service.models.store
    bench.service.models._creations._closing.set()  # the process dies between the note and the end
    store.request_cancel(store.operation("demo", operation["name"].rpartition("/")[2]))
    bench.service.stop()
    bench.service.start()
    assert bench.ended(operation["name"])["error"]["code"] == 1


def test_a_defect_ends_the_operation(bench, monkeypatch):
    def make(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(bench.service.models._creations, "_make", make)
    bench.create_model()
    ended = bench.create_version("v")
    assert ended["error"] == {"code": 13, "message": "An internal error has occurred."}


def test_a_store_that_cannot_be_written_is_tried_again(bench, monkeypatch):
    monkeypatch.setattr(creation, "_RETRY_SECONDS", 0.01)
    store, tries = bench.service.models.store, []
    write = store.end_creation

    def full_at_first(*args, **more):
        tries.append(args)
        if len(tries) == 1:
            raise JobError("The job service cannot use jobs.sqlite: database or disk is full.")
        return write(*args, **more)

    monkeypatch.setattr(store, "end_creation", full_at_first)
    bench.create_model()
    assert bench.create_version("v")["response"]["state"] == "READY"
    assert len(tries) == 2


@pytest.mark.parametrize("name, said", [("Exits", "called exit"), ("NoPath", "from_path")])
def test_routines_that_do_not_load(bench, name, said):
    bench.create_model()
    ended = bench.create_version("v", **{**ROUTINE, "predictionClass": f"routine.predictor.{name}"})
    assert said in ended["error"]["message"]
