from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tablecloud.jobs.prediction import work
from tablecloud.jobs.prediction.asking import Answer, Failed, ModelUnusable
from tablecloud.jobs.prediction.inputs import InputFile, shards
from tablecloud.jobs.prediction.plan import Report
from tablecloud.jobs.prediction.tfrecord import InputBroken
from tablecloud.jobs.prediction.work import MOST_MESSAGES, OTHER_ERRORS, Work


class Asked:
    """Stands for a model's process: doubles numbers, refuses texts; notes what it was asked."""

    def __init__(self, log: list[list[bytes]], trouble: Callable[[], None] = lambda: None) -> None:
        self.log = log
        self.trouble = trouble
        self.killed = threading.Event()
        self.closed = False

    def load(self) -> str:
        self.trouble()
        return "SCIKIT_LEARN"

    def answers(self, records: Sequence[bytes]) -> list[Answer]:
        self.log.append(list(records))
        values = [json.loads(record) for record in records]
        return [
            str(2 * value).encode() if isinstance(value, int) else Failed(message=f"bad {value}")
            for value in values
        ]

    def kill(self) -> None:
        self.killed.set()

    def close(self) -> None:
        self.closed = True


class Bench:
    def __init__(self, folder: Path, lines: Sequence[Any], count: int = 1) -> None:
        self.folder = folder
        self.log: list[list[bytes]] = []
        self.models: list[Asked] = []
        path = folder / "in"
        path.write_text("".join(f"{line}\n" for line in lines))
        self.pieces = shards(
            [InputFile(path=path, size=path.stat().st_size, name=path.name)], count, divisible=True
        )

    def work(self, workers: int = 1, trouble: Callable[[], None] = lambda: None, **given: Any) -> Work:
        def model() -> Any:
            self.models.append(Asked(self.log, trouble))
            return self.models[-1]

        return Work(
            self.pieces,
            **{"data_format": "JSON", "batch_size": 3, **given},
            output=lambda number: self.folder / f"out{number}",
            model=model,
            workers=workers,
        )

    def outputs(self) -> list[str]:
        return [(self.folder / f"out{number}").read_text() for number in range(len(self.pieces))]


def nothing(_: Report) -> None:
    return None


def test_batches_answers_and_counts(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [1, 2, "x", 3, '"a"', 4, 5])
    done = bench.work()
    done.run(nothing)
    assert bench.log == [[b"1", b"2"], [b"3", b'"a"', b"4"], [b"5"]]
    assert bench.outputs() == ["2\n4\n6\n8\n10\n"]
    report = done.report()
    assert (report.predictions, report.errors) == (5, 2)
    assert report.node_seconds > 0
    assert done.errors() == {"Invalid input: the line is not one JSON value.": 1, "bad a": 1}
    assert [model.closed for model in bench.models] == [True]


def test_large_records_make_small_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "BATCH_BYTES", 10)
    bench = Bench(tmp_path, [1, 123456789, 2, 1234567890123, 3, 4])
    bench.work().run(nothing)
    assert bench.log == [[b"1", b"123456789"], [b"2", b"1234567890123"], [b"3", b"4"]]


def test_a_batch_of_bad_records_asks_nobody(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ["x", "y", "z"])
    done = bench.work()
    done.run(nothing)
    assert bench.log == []
    assert done.report().errors == 3


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_shards_and_batches_do_not_depend_on_the_workers(tmp_path: Path, workers: int) -> None:
    bench = Bench(tmp_path, range(100), count=4)
    bench.work(workers).run(nothing)
    assert "".join(bench.outputs()) == "".join(f"{2 * number}\n" for number in range(100))
    assert len(bench.models) == min(workers, 4)
    # Each shard begins with a batch of its own.
    expected = Bench(tmp_path, range(100), count=4)
    expected.work(1).run(nothing)
    assert sorted(bench.log) == sorted(expected.log)


def test_the_first_trouble_ends_everything(tmp_path: Path) -> None:
    def trouble() -> None:
        raise ModelUnusable("no model")

    bench = Bench(tmp_path, range(100), count=4)
    with pytest.raises(ModelUnusable, match="no model"):
        bench.work(3, trouble).run(nothing)
    assert all(model.killed.is_set() and model.closed for model in bench.models)


def test_broken_input_is_raised(tmp_path: Path) -> None:
    bench = Bench(tmp_path, range(9))
    with pytest.raises(InputBroken):
        bench.work(data_format="TF_RECORD").run(nothing)


def test_an_output_that_cannot_be_written_is_raised(tmp_path: Path) -> None:
    bench = Bench(tmp_path, range(9))
    (tmp_path / "out0").mkdir()
    with pytest.raises(IsADirectoryError):
        bench.work().run(nothing)


def test_reports_while_a_model_is_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "_REPORT_SECONDS", 0.001)
    go = threading.Event()
    reports: list[Report] = []

    def report(one: Report) -> None:
        reports.append(one)
        if len(reports) == 3:
            go.set()

    bench = Bench(tmp_path, range(9))
    bench.work(1, lambda: go.wait(10) or None).run(report)
    assert reports[0].predictions == 0
    assert [one.node_seconds for one in reports] == sorted(one.node_seconds for one in reports)


def test_a_report_that_fails_ends_the_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "_REPORT_SECONDS", 0.001)
    bench = Bench(tmp_path, range(9))
    made: list[Asked] = bench.models

    def wait_for_the_end() -> None:
        made[0].killed.wait(10)

    def report(_: Report) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        bench.work(1, wait_for_the_end).run(report)
    assert bench.models[0].closed
    assert bench.log == []


def test_messages_without_end_are_cut(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [f'"{number}"' for number in range(MOST_MESSAGES + 5)])
    done = bench.work(batch_size=100)
    done.run(nothing)
    errors = done.errors()
    assert len(errors) == MOST_MESSAGES + 1
    assert errors[OTHER_ERRORS] == 5
