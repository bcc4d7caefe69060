"""The model's process is real; what it loads answers as its instances say."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from model_files import save_peculiar
from model_folders import routine_model

from tablecloud.jobs.prediction import asking
from tablecloud.jobs.prediction.asking import Failed, Model, ModelUnusable
from tablecloud.jobs.serving.process import ModelSource, WorkerProcess

Make = Callable[..., Model]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    save_peculiar(tmp_path / "model", tmp_path)
    made: list[Model] = []
    pids: list[int] = []

    def model(signature_name: str = "") -> Model:
        def start() -> WorkerProcess:
            worker = WorkerProcess(ModelSource(model_dir=tmp_path / "model"))
            pids.append(worker.pid)
            return worker

        made.append(Model(start, signature_name))
        made[-1].pids = pids  # type: ignore[attr-defined]
        return made[-1]

    yield model
    for one in made:
        one.close()


def ask(model: Model, *instances: Any) -> list[Any]:
    found = model.answers([json.dumps(instance).encode() for instance in instances])
    return [json.loads(answer) if isinstance(answer, bytes) else answer for answer in found]


def test_answers_come_in_order(make: Make) -> None:
    model = make()
    assert model.load() == "SCIKIT_LEARN"
    assert ask(model, 3, 1, "a", [1, None]) == [6, 2, "a", [1, None]]
    assert len(model.pids) == 1


def test_a_refused_record_leaves_the_others_alone(make: Make) -> None:
    model = make()
    first, refused, last = ask(model, 1, "refuse", 2)
    assert (first, last) == (2, 4)
    assert refused == Failed(message="Failed to run the provided model: ValueError: refused (Error code: 2)")
    assert len(model.pids) == 1


def test_a_deadly_record_costs_itself_and_some_processes(make: Make) -> None:
    model = make()
    first, dead, last = ask(model, 1, "die", 2)
    assert (first, last) == (2, 4)
    assert dead == Failed(message="The model's process ended by signal 11.")
    # Twice the batch, twice the record itself, and the one that is left.
    assert len(model.pids) == 5


def test_a_batch_that_fails_once_is_asked_again_as_it_was(make: Make) -> None:
    model = make()
    assert ask(model, 1, "die once", 2) == [2, "die once", 4]
    assert len(model.pids) == 2


def test_a_model_that_always_dies_is_given_up(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "MOST_LOSSES", 3)
    model = make()
    with pytest.raises(ModelUnusable, match=r"lost 3 times\. The model's process ended by signal 11"):
        ask(model, "die", "die")
    assert len(model.pids) == 3


def test_a_killed_model_starts_no_other_process(make: Make, tmp_path: Path) -> None:
    model = make()
    caught: list[BaseException] = []

    def work() -> None:
        try:
            ask(model, "wait")
        except ModelUnusable as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    polling = threading.Event()
    while not list(tmp_path.glob("waiting-*")):
        polling.wait(0.01)
    model.kill()
    thread.join(20)
    assert not thread.is_alive()
    assert len(caught) == 1
    assert len(model.pids) == 1


def test_a_model_killed_before_it_started_does_not_load(make: Make) -> None:
    model = make()
    model.kill()
    with pytest.raises(ModelUnusable):
        model.load()


def test_what_cannot_be_loaded_says_why(tmp_path: Path) -> None:
    source = ModelSource(model_dir=routine_model(tmp_path / "model"))
    model = Model(lambda: WorkerProcess(source))
    with pytest.raises(ModelUnusable, match="must hold one of these files"):
        model.load()
    model.close()


def test_the_signature_name_is_handed_on(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "asked.py").write_text(
        "class Asked:\n"
        "    @classmethod\n"
        "    def from_path(cls, model_dir):\n"
        "        return cls()\n"
        "    def predict(self, instances, **kwargs):\n"
        "        return [kwargs for _ in instances]\n"
    )
    source = ModelSource(model_dir=tmp_path / "model", prediction_class="asked.Asked")
    start = lambda: WorkerProcess(source, extra={"PYTHONPATH": str(tmp_path)})  # noqa: E731
    for name, expected in (("", {}), ('a"b', {"signature_name": 'a"b'})):
        model = Model(start, name)
        assert ask(model, 1) == [expected]
        model.close()
