"""One worker process from the outside: start it, ask it, end it with all it has started.

Blocking, with a deadline for each request; one request at a time. Contract: ml-jobs-service 3.4, 4, 5.2.11.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tablecloud
from tablecloud.errors import ExecutorError, JobError
from tablecloud.jobs.executors.processes import sweep
from tablecloud.jobs.executors.shim import folder as files
from tablecloud.jobs.serving.worker import LENGTH

# The service's code comes last on the path, so that a model's own packages win over what lies beside it.
_BOOT = (
    "import sys; sys.path.append(sys.argv.pop(1)); from tablecloud.jobs.serving.worker import main; main()"
)
_INHERITED = re.compile(r"PATH|HOME|LANG|LC_.*|TZ|TMPDIR|LD_LIBRARY_PATH|OMP_.*|CUDA_.*")
_TAIL_BYTES = 8192


class WorkerLost(JobError):
    """The process ended, or was ended, before it answered."""


class WorkerSilent(WorkerLost):
    """The process did not answer in time and was ended."""


class ModelError(JobError):
    """The model answered with a failure.

    Parameters:
        text: as the worker said it, ending in `(Error code: N)`.
        code: 0 load, 1 inputs, 2 run, 3 outputs, 4 user code.
    """

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSource:
    """What a worker is to load, and with which interpreter."""

    model_dir: Path
    framework: str = ""
    """SCIKIT_LEARN, XGBOOST or TENSORFLOW; empty is found out."""
    prediction_class: str = ""
    python: str = sys.executable
    """Of an environment that has the model's packages."""


class WorkerProcess:
    """A running worker; its environment has none of the server's secrets.

    Parameters:
        source: what to load.
        extra: further environment variables.

    Raises:
        WorkerLost: the process could not be started.
    """

    def __init__(self, source: ModelSource, *, extra: Mapping[str, str] | None = None) -> None:
        self.source = source
        environment = {name: text for name, text in os.environ.items() if _INHERITED.fullmatch(name)}
        mark = f"worker-{secrets.token_hex(8)}"
        try:
            self._process = subprocess.Popen(
                [source.python, "-P", "-c", _BOOT, str(Path(tablecloud.__file__).parents[1])],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**environment, "PYTHONUNBUFFERED": "1", **(extra or {}), files.ATTEMPT_VARIABLE: mark},
                cwd=source.model_dir,
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            raise WorkerLost(f"A worker process cannot be started: {error.strerror}.") from error
        self._ended = threading.Lock()
        self._mark = mark
        self._tail = b""
        self._drain = threading.Thread(target=self._keep_tail, name="worker-stderr", daemon=True)
        self._drain.start()
        os.set_blocking(self._pipe("stdin"), False)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def load(self, *, timeout: float) -> str:
        """Load the model, and return its framework.

        Raises:
            ModelError: it cannot be loaded.
            WorkerLost, WorkerSilent: as `ask`.
        """
        order = {
            "op": "load",
            "model_dir": str(self.source.model_dir),
            "framework": self.source.framework,
            "prediction_class": self.source.prediction_class,
        }
        return str(json.loads(self.ask(json.dumps(order).encode(), timeout=timeout))["framework"])

    def predict(self, instances: list[Any], *, timeout: float, **kwargs: Any) -> list[Any]:
        """Return one prediction for each instance.

        Raises:
            ModelError: the model failed; the process is good for the next request.
            WorkerLost, WorkerSilent: as `ask`.
        """
        order = {"op": "predict", "request": {**kwargs, "instances": instances}}
        reply = self.ask(json.dumps(order).encode(), timeout=timeout)
        predictions: list[Any] = json.loads(reply)["predictions"]
        return predictions

    def ask(self, frame: bytes, *, timeout: float) -> bytes:
        """Send the JSON of one request, and return the JSON of its reply.

        Raises:
            ModelError: the reply says that the model failed.
            WorkerSilent: there was no reply within `timeout` seconds; the process has been ended.
            WorkerLost: the process ended first.
        """
        deadline = time.monotonic() + timeout
        try:
            self._write(LENGTH.pack(len(frame)) + frame, deadline)
            [size] = LENGTH.unpack(self._read(LENGTH.size, deadline))
            reply = self._read(size, deadline)
        except TimeoutError:
            self.kill()
            raise WorkerSilent(f"The model did not answer within {timeout:g} seconds.") from None
        except (EOFError, OSError):
            raise self._lost() from None
        if reply.startswith(b'{"error"'):
            failure = json.loads(reply)
            raise ModelError(failure["error"], failure["code"])
        return reply

    def kill(self) -> None:
        """End the process and its group; safe at any time, from any thread."""
        with self._ended:
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()

    def close(self) -> None:
        """End the process and all it has started; not while another thread asks. Safe to call twice."""
        self.kill()
        # What left the group still carries the mark. One that will not die is not worth a failed request.
        with contextlib.suppress(ExecutorError):
            sweep(self._mark)
        self._drain.join(1.0)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _lost(self) -> WorkerLost:
        self.kill()
        self._drain.join(1.0)
        words = self._tail.decode("utf-8", "replace").strip().splitlines()
        status = self._process.returncode
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        said = f" Its last words: {words[-1][:500]}" if words else ""
        return WorkerLost(f"The model's process ended {how}.{said}")

    def _pipe(self, name: str) -> int:
        stream = getattr(self._process, name)
        return int(stream.fileno())

    def _write(self, data: bytes, deadline: float) -> None:
        rest, pipe = memoryview(data), self._pipe("stdin")
        while rest:
            _wait(pipe, select.POLLOUT, deadline)
            rest = rest[os.write(pipe, rest) :]

    def _read(self, size: int, deadline: float) -> bytes:
        parts, pipe = bytearray(), self._pipe("stdout")
        while len(parts) < size:
            _wait(pipe, select.POLLIN, deadline)
            part = os.read(pipe, min(size - len(parts), 1 << 20))
            if not part:
                raise EOFError
            parts += part
        return bytes(parts)

    def _keep_tail(self) -> None:
        """Read what the model prints, and keep the end of it; a full pipe would stop the model."""
        stream = self._process.stderr
        assert stream is not None
        with stream:
            while part := stream.read(_TAIL_BYTES):
                self._tail = (self._tail + part)[-_TAIL_BYTES:]


def _wait(pipe: int, event: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(pipe, event)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise TimeoutError
