"""Shards in parallel: each thread has a model in a process of its own and takes one shard after the other.

Contract: ml-jobs-service 3.2, 3.3.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from tablecloud.jobs.prediction.asking import Failed, Model
from tablecloud.jobs.prediction.inputs import Slice
from tablecloud.jobs.prediction.plan import Report
from tablecloud.jobs.prediction.records import BadRecord, Record, read_slice

BATCH_BYTES = 256 * 2**20
"""A batch is over when it holds so much, whatever its number of records."""
MOST_MESSAGES = 1000
"""Different messages kept of one shard's errors."""
OTHER_ERRORS = "Other errors."

_REPORT_SECONDS = 1.0


class Work:
    """The shards of one run.

    Parameters:
        pieces: the slices of each shard.
        output: where the predictions of a shard go.
        model: makes the model of one thread, with nothing started.
        batch_size: records in one call of the model.
        workers: threads.
    """

    def __init__(
        self,
        pieces: Sequence[Sequence[Slice]],
        *,
        data_format: str,
        output: Callable[[int], Path],
        model: Callable[[], Model],
        batch_size: int,
        workers: int,
    ) -> None:
        self._pieces = pieces
        self._format = data_format
        self._output = output
        self._batch_size = batch_size
        self._models = [model() for _ in range(min(workers, len(pieces)))]
        self._waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number in range(len(pieces)):
            self._waiting.put(number)
        self._lock = threading.Lock()
        self._counts = Counter[str]()
        self._messages: list[Counter[str]] = [Counter() for _ in pieces]
        self._stopping = threading.Event()
        self._ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._begin = 0.0

    def run(self, report: Callable[[Report], None]) -> None:
        """Predict everything, reporting every second.

        Raises:
            ModelUnusable, InputBroken, OSError: the first that any of the threads met.
        """
        self._begin = time.monotonic()
        threads = [threading.Thread(target=self._thread, args=[model]) for model in self._models]
        for thread in threads:
            thread.start()
        try:
            self._wait(report)
        finally:
            self._stopping.set()
            for model in self._models:
                model.kill()
            for thread in threads:
                thread.join()

    def report(self) -> Report:
        """Say how far the run is."""
        with self._lock:
            return Report(
                predictions=self._counts["predictions"],
                errors=self._counts["errors"],
                node_seconds=(time.monotonic() - self._begin) * len(self._models),
            )

    def errors(self) -> Counter[str]:
        """Return how many records failed, by message."""
        return sum(self._messages, Counter())

    def _wait(self, report: Callable[[Report], None]) -> None:
        left = len(self._models)
        while left:
            try:
                failure = self._ended.get(timeout=_REPORT_SECONDS)
            except queue.Empty:
                report(self.report())
                continue
            if failure is not None:
                raise failure
            left -= 1

    def _thread(self, model: Model) -> None:
        try:
            self._shards(model)
        except BaseException as error:
            self._ended.put(error)
        else:
            self._ended.put(None)
        finally:
            model.close()

    def _shards(self, model: Model) -> None:
        model.load()
        while not self._stopping.is_set():
            try:
                number = self._waiting.get_nowait()
            except queue.Empty:
                return
            self._shard(number, model)

    def _shard(self, number: int, model: Model) -> None:
        with self._output(number).open("wb") as file:
            for batch in _batches(self._records(number), self._batch_size):
                if self._stopping.is_set():
                    return
                lines, errors = _answered(batch, model)
                file.writelines(lines)
                self._count(number, len(lines), errors)

    def _records(self, number: int) -> Iterator[Record]:
        for piece in self._pieces[number]:
            yield from read_slice(piece, self._format)

    def _count(self, number: int, predictions: int, errors: Sequence[str]) -> None:
        messages = self._messages[number]
        with self._lock:
            self._counts["predictions"] += predictions
            self._counts["errors"] += len(errors)
            for message in errors:
                known = message in messages or len(messages) < MOST_MESSAGES
                messages[message if known else OTHER_ERRORS] += 1


def _batches(records: Iterable[Record], size: int) -> Iterator[list[Record]]:
    """Yield batches of `size` records, or of fewer large ones."""
    batch: list[Record] = []
    held = 0
    for record in records:
        batch.append(record)
        held += len(record) if isinstance(record, bytes) else 0
        if len(batch) == size or held >= BATCH_BYTES:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _answered(batch: Sequence[Record], model: Model) -> tuple[list[bytes], list[str]]:
    """Return the lines of the predictions and the messages of the records that got none."""
    errors = [record.message for record in batch if isinstance(record, BadRecord)]
    asked = [record for record in batch if isinstance(record, bytes)]
    lines: list[bytes] = []
    for answer in model.answers(asked) if asked else ():
        if isinstance(answer, Failed):
            errors.append(answer.message)
        else:
            lines.append(answer + b"\n")
    return lines, errors
