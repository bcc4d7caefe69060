"""A server process to be killed: runs one tuning job, which it creates unless it is there, and waits."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from programs import program_layout

from tablecloud.jobs.service import JobService, NewJob, ServiceSettings

TRIALS = 14

PROGRAM = """
import json, os, sys, time
number = os.environ["CLOUD_ML_TRIAL_ID"]
with open(os.path.join({root!r}, "trial_" + number), "a") as file:
    file.write("ran\\n")
for step in range(5):
    entry = {{"timestamp": time.time(), "global_step": str(step), "training/hptuning/metric": str(step)}}
    with open(os.environ["CLOUD_ML_HP_METRIC_FILE"], "a") as file:
        file.write(json.dumps(entry) + "\\n")
    print("trial", number, "step", step, flush=True)
    time.sleep(0.02)
"""


def settings_of(root: Path) -> ServiceSettings:
    return ServiceSettings(root=root / "state", cpus=8.0, grace_seconds=0.2)


def document_of(root: Path) -> dict[str, Any]:
    rate = {"parameterName": "rate", "type": "DOUBLE", "minValue": 0, "maxValue": 1}
    spec = {"params": [rate], "maxTrials": TRIALS, "maxParallelTrials": 3}
    return {"trainingInput": {"hyperparameters": spec}, "program": PROGRAM.format(root=str(root))}


def main(root: Path) -> None:
    settings = settings_of(root)
    service = JobService(settings, layout=program_layout(settings))
    service.start()
    if service.get("demo", "search") is None:
        service.create(NewJob(project="demo", job_id="search", document=document_of(root))).result()
    sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
