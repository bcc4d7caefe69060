"""What all built-in trainers share: arguments, data, the model's folder, measures, the report.

A trainer adds its own arguments and fits; the frame here reads the data that it fits and says how well it
did. Contract: ml-jobs-service 2.8 (metrics of trials), 2.9.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from tablecloud.jobs.builtin import table
from tablecloud.jobs.builtin.labels import Classes, classes_of, measures, quantities
from tablecloud.jobs.builtin.refusal import Refused
from tablecloud.jobs.builtin.registry import REPORT_VARIABLE
from tablecloud.jobs.builtin.report import Report, write_report
from tablecloud.jobs.storage import Storage, StorageError
from tablecloud.jobs.tuning.spec import DEFAULT_TAG


class Arguments(argparse.ArgumentParser):
    """The arguments of a trainer, with those that all trainers have."""

    def __init__(self, algorithm: str) -> None:
        super().__init__(prog=algorithm, allow_abbrev=False, add_help=False)
        self.add_argument("--job-dir", default="")
        self.add_argument("--preprocess", nargs="?", const=True, default=False, type=flag)
        self.add_argument("--training_data_path", required=True)
        self.add_argument("--validation_data_path", default="")
        self.add_argument("--test_data_path", default="")
        self.add_argument("--validation_split", type=float, default=0.0)
        self.add_argument("--test_split", type=float, default=0.0)
        self.add_argument("--model_type", choices=("classification", "regression"))

    def error(self, message: str) -> NoReturn:
        """Refuse the job instead of printing how the program is used.

        Raises:
            Refused: always.
        """
        raise Refused(f"The arguments of {self.prog} are wrong: {message}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What a trainer is given."""

    options: argparse.Namespace
    classes: Classes | None
    """Of a classification; None for a regression."""
    categories: list[bool]
    """Which features are categories."""
    rows: list[table.Row]
    targets: list[float]
    """Codes of classes, or quantities."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What a trainer gives back."""

    predict: Callable[[list[table.Row]], Sequence[float]]
    """Codes of classes, or quantities."""
    save: Callable[[Path], Mapping[str, Any]]
    """Writes the model into a folder; returns what its metadata add."""


def run(arguments: Arguments, fit: Callable[[Lesson], Fitted]) -> int:
    """Train as the command line says; return the exit status.

    Only the primary trains: one machine has nothing to gain from more. Parameters come from `sys.argv`.
    """
    report = Path(os.environ[REPORT_VARIABLE])
    if json.loads(os.environ["CLUSTER_SPEC"])["task"]["type"] != "master":
        print("The primary trains alone; this replica has nothing to do.")
        return 0
    try:
        _train(arguments, fit)
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        write_report(report, Report(failure=str(refusal)))
        return 1
    write_report(report, Report(trained=True))
    return 0


def _train(arguments: Arguments, fit: Callable[[Lesson], Fitted]) -> None:
    options = arguments.parse_args()
    folder = _model_folder()
    parts = _read(options)
    classification = _classifies(options)
    classes = None
    if classification:
        classes = classes_of(parts.training.targets, getattr(options, "num_class", None))
    categories = table.categorical(parts.training)
    lesson = Lesson(
        options=options,
        classes=classes,
        categories=categories,
        rows=table.features(parts.training, categories),
        targets=_targets(parts.training, classes),
    )
    print(f"Training on {len(lesson.rows)} records with {len(categories)} features.")
    fitted = fit(lesson)

    def judge(part: table.Table) -> dict[str, float]:
        predicted = fitted.predict(table.features(part, categories))
        return measures(_targets(part, classes), predicted, classification=classification)

    found = {name: judge(part) for name, part in _named(parts).items() if part.rows}
    for name, values in found.items():
        print(f"{name}: " + ", ".join(f"{measure} {value:.6g}" for measure, value in values.items()))
    _report_metric(found.get("validation") or found["training"])
    _save(folder, fitted, classes, found)


def _classifies(options: argparse.Namespace) -> bool:
    """Say which type of model is meant; where that is not given, an objective may tell."""
    if options.model_type:
        return bool(options.model_type == "classification")
    objective = getattr(options, "objective", "")
    return objective.startswith(("binary:", "multi:")) or bool(getattr(options, "num_class", None))


def _read(options: argparse.Namespace) -> table.Parts:
    """Return the data, split; files given for a part take the place of its split."""
    whole = _file(options.training_data_path)
    validation = _file(options.validation_data_path) if options.validation_data_path else None
    test = _file(options.test_data_path) if options.test_data_path else None
    parts = table.split(
        whole, 0.0 if validation else options.validation_split, 0.0 if test else options.test_split
    )
    parts = table.Parts(
        training=parts.training, validation=validation or parts.validation, test=test or parts.test
    )
    if not options.preprocess:
        for part in _named(parts).values():
            table.check_plain(part)
    return parts


def _named(parts: table.Parts) -> dict[str, table.Table]:
    return {"training": parts.training, "validation": parts.validation, "test": parts.test}


def _file(uri: str) -> table.Table:
    try:
        # The variable names the folder of buckets, which is `gcs` below the root.
        path = Storage(Path(os.environ["TABLECLOUD_GCS_ROOT"]).parent).local_path(uri)
    except StorageError as error:
        raise Refused(f"The data cannot be read: {error.message}.") from error
    return table.read(path, uri)


def _targets(part: table.Table, classes: Classes | None) -> list[float]:
    if classes is None:
        return quantities(part.targets)
    return [float(code) for code in classes.codes(part.targets)]


def _model_folder() -> Path:
    if folder := os.environ.get("AIP_MODEL_DIR"):
        return Path(folder)
    raise Refused("A built-in algorithm needs a jobDir, below which it leaves the model.")


def _save(
    folder: Path, fitted: Fitted, classes: Classes | None, found: Mapping[str, Mapping[str, float]]
) -> None:
    """Put the model's folder in place at once; what an earlier attempt left there goes."""
    scratch = folder.with_name(".model.new")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    metadata = {"measures": found, "classes": classes.names if classes else None, **fitted.save(scratch)}
    (scratch / "metadata.json").write_text(json.dumps(metadata, indent=2) + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    scratch.rename(folder)
    print("The model is complete.")


def _report_metric(found: Mapping[str, float]) -> None:
    """Tell the search how a trial did, in the form of cloudml-hypertune.

    Raises:
        Refused: the search asks for a measure that is not taken.
    """
    tag, path = os.environ.get("CLOUD_ML_HP_METRIC_TAG"), os.environ.get("CLOUD_ML_HP_METRIC_FILE")
    if not tag or not path:
        return
    if tag != DEFAULT_TAG and tag not in found:
        raise Refused(f"There is no measure {tag!r}; this algorithm reports {', '.join(found)}.")
    value = found.get(tag, next(iter(found.values())))
    entry = {"timestamp": time.time(), "trial": os.environ["CLOUD_ML_TRIAL_ID"], tag: str(value)}
    Path(path).write_text(json.dumps({**entry, "global_step": "1", "checkpoint_path": ""}) + "\n")


def flag(text: str) -> bool:
    """Read `--name`, `--name=true` or `--name=false`.

    Raises:
        argparse.ArgumentTypeError: it is neither.
    """
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text.lower() == "true"
