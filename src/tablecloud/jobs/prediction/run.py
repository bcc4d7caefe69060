"""The program of a batch prediction job: reads its plan, predicts, publishes.

Started by the supervisor of an attempt as `python -m tablecloud.jobs.prediction.run`. Model code runs in
processes of its own only. Contract: ml-jobs-service 3.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import msgspec

from tablecloud.errors import JobError
from tablecloud.jobs.executors.shim.folder import ATTEMPT_VARIABLE
from tablecloud.jobs.gcs.credentials import CLIENT_SETTINGS
from tablecloud.jobs.prediction.asking import Model
from tablecloud.jobs.prediction.inputs import InputFile, find_inputs, shard_count, shards
from tablecloud.jobs.prediction.outputs import OutputFolder
from tablecloud.jobs.prediction.plan import PLAN_VARIABLE, Plan, Report, read_report, write_report
from tablecloud.jobs.prediction.records import divisible
from tablecloud.jobs.prediction.work import Work
from tablecloud.jobs.serving.process import ModelSource, WorkerProcess
from tablecloud.jobs.storage import Storage

_HANDED_ON = (
    ATTEMPT_VARIABLE,
    "CLOUD_ML_JOB_ID",
    "CLOUD_ML_PROJECT_ID",
    "CLOUD_ML_REGION",
    "TABLECLOUD_GCS_ROOT",
    "STORAGE_EMULATOR_HOST",
    *CLIENT_SETTINGS,
)
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class NothingPredicted(JobError):
    """There were records, and not one of them got a prediction."""


def main() -> int:
    """Run the plan of the environment; return the exit status."""
    signal.signal(signal.SIGTERM, _on_terminate)
    plan = msgspec.json.decode(os.environ[PLAN_VARIABLE], type=Plan)
    try:
        run(plan)
    except JobError as error:
        return _give_up(plan, _sentences(error))
    except OSError as error:
        return _give_up(plan, f"{error.strerror}: {error.filename or plan.output_path}.")
    return 0


def run(plan: Plan) -> None:
    """Do all of a plan.

    Raises:
        JobError: the inputs or the model cannot be used, or no record got a prediction.
        OSError: the output cannot be written.
    """
    folder, storage = Path(plan.folder), Storage(Path(plan.root))
    write_report(folder, Report())
    files = find_inputs(plan.input_paths, storage)
    whole = not divisible(plan.data_format)
    count = shard_count(files, plan.shards, divisible=not whole)
    output = OutputFolder(storage.local_path(plan.output_path), plan.uid, count, csv=plan.csv)
    try:
        work = Work(
            shards(files, count, divisible=not whole),
            data_format=plan.data_format,
            output=output.shard,
            model=lambda: _model(plan),
            batch_size=plan.batch_size,
            workers=plan.workers,
        )
        _say(_beginning(files, count, min(plan.workers, count)))
        work.run(lambda report: write_report(folder, report))
        output.publish(work.errors())
        _finish(folder, work)
    finally:
        output.discard()


def _finish(folder: Path, work: Work) -> None:
    """Report the end.

    Raises:
        NothingPredicted: the errors are published all the same.
    """
    report = work.report()
    write_report(folder, report, sync=True)
    _say(f"{_some(report.predictions, 'prediction')}, {_some(report.errors, 'error')}.")
    for message, count in work.errors().most_common(5):
        _say(f"{_some(count, 'record')} failed with: {message}")
    if report.errors and not report.predictions:
        [(message, _)] = work.errors().most_common(1)
        raise NothingPredicted(f"None of the {report.errors} records got a prediction. {message}")


def _give_up(plan: Plan, text: str) -> int:
    """Say why there is no result, and leave it where the server reads it."""
    sys.stderr.write(f"{text}\n")
    folder = Path(plan.folder)
    last = read_report(folder) or Report()
    with contextlib.suppress(OSError):  # a full disk, say: then the exit status has to do
        write_report(folder, msgspec.structs.replace(last, failure=text), sync=True)
    return 1


def _sentences(error: JobError) -> str:
    """Return a message and its hint as text that further sentences may follow."""
    text = error.message.removesuffix(".") + "."
    return f"{text} {error.hint[0].upper()}{error.hint[1:].removesuffix('.')}." if error.hint else text


def _model(plan: Plan) -> Model:
    source = ModelSource(
        model_dir=Path(plan.model_dir),
        framework=plan.framework,
        prediction_class=plan.prediction_class,
        python=plan.python,
    )
    extra = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
    # One thread a worker: the workers share the processors already, and sums stay in one order.
    extra |= dict.fromkeys(_ONE_THREAD, "1")
    return Model(lambda: WorkerProcess(source, extra=extra), plan.signature_name)


def _beginning(files: Sequence[InputFile], count: int, workers: int) -> str:
    size = sum(file.size for file in files)
    return (
        f"Predicting {_some(len(files), 'file')} of {_some(size, 'byte')} together in "
        f"{_some(count, 'shard')} with {_some(workers, 'worker')}."
    )


def _some(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _on_terminate(*_: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: what follows removes files
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
