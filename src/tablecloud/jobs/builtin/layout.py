"""What `trainingOutput` says of a built-in algorithm's job, read from its trainer's report.

Contract: ml-jobs-service 2.9.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tablecloud.jobs.attempts import Layout, Progress
from tablecloud.jobs.builtin.registry import (
    ALGORITHMS,
    PYTHON_VERSION,
    REPORT_FILE,
    RUNTIME_VERSION,
    algorithm_name,
)
from tablecloud.jobs.builtin.report import read_report
from tablecloud.jobs.model import Job
from tablecloud.jobs.tuning.spec import is_tuning


def with_builtin(layout: Layout, root: Path) -> Layout:
    """Return a layout that knows the output of built-in algorithms, and leaves all else to `layout`.

    Parameters:
        root: the state root.
    """

    def report(job: Job) -> Progress | None:
        return progress(job, root) or layout.progress(job)

    return replace(layout, progress=report)


def progress(job: Job, root: Path) -> Progress | None:
    """Return `trainingOutput` of a job as its trainer's report has it; None for any other job.

    A tuning job has none: its models are those of its trials.
    """
    training = job.document.get("trainingInput", {})
    algorithm = ALGORITHMS.get(algorithm_name(training) or "")
    if algorithm is None or is_tuning(job.document):
        return None
    report = read_report(root / "attempts" / job.uid / str(job.attempt) / REPORT_FILE)
    built_in = {
        "framework": algorithm.framework,
        "pythonVersion": PYTHON_VERSION,
        "runtimeVersion": RUNTIME_VERSION,
    }
    if report.trained:
        built_in["modelPath"] = f"{training.get('jobDir', '').rstrip('/')}/model/"
    output: dict[str, object] = {"isBuiltInAlgorithmJob": True, "builtInAlgorithmOutput": built_in}
    return Progress(output=output, failure=report.failure)
