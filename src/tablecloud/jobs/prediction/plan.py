"""What a run of batch prediction is told, and what it tells: two JSON documents.

The server writes the plan into the environment of the run. The run writes its report into the folder of the
attempt, where the server finds it, also after a restart of either. Contract: ml-jobs-service 3.3.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from tablecloud.jobs.executors.shim.folder import replace

PLAN_VARIABLE = "TABLECLOUD_PREDICTION_PLAN"
_REPORT = "prediction.json"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a run needs to know."""

    uid: str
    """Of the job."""
    root: str
    """The state root, for `gs://` addresses."""
    folder: str
    """Of the attempt."""
    python: str
    """The interpreter of the models' processes."""
    model_dir: str
    framework: str = ""
    """Empty is found out from the model's files."""
    prediction_class: str = ""
    signature_name: str = ""
    input_paths: list[str]
    data_format: str
    output_path: str
    csv: bool = False
    batch_size: int = 64
    shards: int = 10
    """At most so many; how many there are follows from the input."""
    workers: int = 1
    """Processes at one time."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How far a run is."""

    predictions: int = 0
    errors: int = 0
    node_seconds: float = 0.0
    """Seconds that workers ran, all of them together."""
    failure: str = ""
    """Why the run gave up, in sentences for the job's errorMessage."""


def write_report(folder: Path, report: Report, *, sync: bool = False) -> None:
    """Replace the report of an attempt.

    Raises:
        OSError: it cannot be written.
    """
    replace(str(folder / _REPORT), msgspec.json.encode(report), sync=sync)


def read_report(folder: Path) -> Report | None:
    """Return the report of an attempt; None where there is none that can be read."""
    try:
        return msgspec.json.decode((folder / _REPORT).read_bytes(), type=Report)
    except (OSError, msgspec.DecodeError):
        return None
