"""The package cloudml-hypertune itself reports the metrics of trials. Contract: ml-jobs-service 2.8, 6."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from job_archives import wheel

from tablecloud.connect import connect
from tablecloud.jobs.daemon import stop

pytest.importorskip("hypertune", reason="cloudml-hypertune is not installed")

TRAINER = """
import argparse, hypertune
given = argparse.ArgumentParser()
given.add_argument("--rate", type=float)
given.add_argument("--job-dir")
given = given.parse_args()
reporter = hypertune.HyperTune()
for step in (1, 2, 3):
    reporter.report_hyperparameter_tuning_metric("loss", metric_value=given.rate / step, global_step=step)
"""


def test_trials_carry_what_was_reported(tmp_path: Path) -> None:
    hyperparameters = {
        "goal": "MINIMIZE",
        "hyperparameterMetricTag": "loss",
        "maxTrials": 3,
        "maxParallelTrials": 1,
        "algorithm": "GRID_SEARCH",
        "params": [{"parameterName": "rate", "type": "DISCRETE", "discreteValues": [3, 6, 9]}],
    }
    training = {
        "region": "us-central1",
        "runtimeVersion": "2.11",
        "pythonVersion": "3.7",
        "packageUris": [str(wheel(tmp_path, "reporting", modules={"task": TRAINER}))],
        "pythonModule": "reporting.task",
        "hyperparameters": hyperparameters,
    }
    root = tmp_path / "root"
    try:
        with connect(root) as session:
            session.execute(
                "INSERT /*+ AWAIT */ INTO google.ml.jobs (projectsId, jobId, trainingInput) "
                "SELECT 'p', 'search', JSON($1)",
                [json.dumps(training)],
            ).fetchall()
            ((output,),) = session.execute(
                "SELECT trainingOutput FROM google.ml.jobs WHERE projectsId = 'p' AND jobsId = 'search'"
            ).fetchall()
    finally:
        stop(root / "ml")
    trials = json.loads(output)["trials"]
    found = [(trial["hyperparameters"]["rate"], trial["finalMetric"]) for trial in trials]
    assert found == [
        (rate, {"trainingStep": "3", "objectiveValue": value})
        for rate, value in (("3", 1.0), ("6", 2.0), ("9", 3.0))
    ]
