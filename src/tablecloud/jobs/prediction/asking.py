"""Ask a model about batches of records, so that one bad record costs one record.

A batch that the model refuses is asked again record by record. A batch under which the model's process dies
is asked once more in a new process, because the machine may have been at fault, and only then record by
record. Which records end up in one call depends on the input alone, so the predictions do, too. Contract:
ml-jobs-service 3.2.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from tablecloud.errors import JobError
from tablecloud.jobs.serving.process import ModelError, WorkerLost, WorkerProcess

LOAD_SECONDS = 3600.0
BATCH_SECONDS = 3600.0
"""Nobody waits for a batch, so this only keeps a model that hangs from doing so for ever."""
MOST_LOSSES = 20
"""After so many deaths of its process a model is not worth another."""

_TF_TRACE = "\n\nCaused by op"


class ModelUnusable(JobError):
    """The model cannot be loaded, or its process does not stay alive: the job cannot succeed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """What comes instead of a prediction."""

    message: str


Answer = bytes | Failed
"""The JSON text of a prediction, or why there is none."""


class _Reply(msgspec.Struct):
    predictions: list[msgspec.Raw]


class Model:
    """A model in a process of its own; the process is replaced when it dies. For one thread.

    Parameters:
        start: starts a process, with nothing loaded.
        signature_name: what the user asked for; models that know no signatures drop it.
    """

    def __init__(self, start: Callable[[], WorkerProcess], signature_name: str = "") -> None:
        self._start = start
        more = b', "signature_name": ' + json.dumps(signature_name).encode() if signature_name else b""
        self._head = b'{"op": "predict", "request": {"instances": ['
        self._tail = b"]" + more + b"}}"
        self._losses = 0
        self._killed = False
        self._worker: WorkerProcess | None = None

    def load(self) -> str:
        """Start the process and load the model; return its framework.

        Raises:
            ModelUnusable: that is not possible.
        """
        try:
            worker = self._worker = self._start()
            if self._killed:  # while it was being started, so that it was not there to be killed
                worker.kill()
            return worker.load(timeout=LOAD_SECONDS)
        except (ModelError, WorkerLost) as error:
            raise ModelUnusable(str(error)) from error

    def answers(self, records: Sequence[bytes]) -> list[Answer]:
        """Return one answer for each record, in order.

        Parameters:
            records: texts of JSON values.

        Raises:
            ModelUnusable: the model's process died too often.
        """
        try:
            return self._ask_twice(records)
        except (ModelError, WorkerLost) as error:
            if len(records) == 1:
                return [Failed(message=str(error).split(_TF_TRACE)[0])]
        return [answer for record in records for answer in self.answers([record])]

    def kill(self) -> None:
        """End the process for good; safe from any thread."""
        self._killed = True
        if self._worker is not None:
            self._worker.kill()

    def close(self) -> None:
        """End the process and give back what it held."""
        if self._worker is not None:
            self._worker.close()

    def _ask_twice(self, records: Sequence[bytes]) -> list[Answer]:
        try:
            return self._ask(records)
        except WorkerLost as error:
            self._replace(error)
        try:
            return self._ask(records)
        except WorkerLost as error:
            self._replace(error)
            raise

    def _ask(self, records: Sequence[bytes]) -> list[Answer]:
        if self._worker is None:
            self.load()
        assert self._worker is not None
        frame = self._head + b",".join(records) + self._tail
        reply = self._worker.ask(frame, timeout=BATCH_SECONDS)
        return [bytes(one) for one in msgspec.json.decode(reply, type=_Reply).predictions]

    def _replace(self, error: WorkerLost) -> None:
        self.close()
        self._losses += 1
        if self._losses >= MOST_LOSSES or self._killed:
            raise ModelUnusable(
                f"The model's process was lost {self._losses} times. {error}",
                hint="ask the model about a few of the records by hand",
            ) from error
        self.load()
