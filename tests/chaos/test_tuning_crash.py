"""The server is killed again and again while trials run: each runs once, and its metrics and log are whole."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import crashing_tuning
import pytest
from programs import program_layout

from tablecloud.jobs.model import State
from tablecloud.jobs.service import JobService

PROGRAM = Path(crashing_tuning.__file__)


@pytest.mark.slow
def test_kill_the_server_while_trials_run(tmp_path: Path) -> None:
    for begun in (1, 2, 4, 7, 8, 11, 13):
        serve_until(tmp_path, begun)
    settings = crashing_tuning.settings_of(tmp_path)
    service = JobService(settings, layout=program_layout(settings))
    service.start()
    try:
        until = time.monotonic() + 60
        while not (job := service.get("demo", "search")).state.final:
            assert time.monotonic() < until
            time.sleep(0.02)
        assert job.state is State.SUCCEEDED, job
        trials = sorted(job.output["trials"], key=lambda trial: int(trial["trialId"]))
        numbers = [str(number) for number in range(1, crashing_tuning.TRIALS + 1)]
        assert [trial["trialId"] for trial in trials] == numbers
        for trial in trials:
            assert trial["state"] == "SUCCEEDED"
            assert trial["finalMetric"] == {"trainingStep": "4", "objectiveValue": 4.0}
            assert (tmp_path / f"trial_{trial['trialId']}").read_text() == "ran\n"
        assert len({trial["hyperparameters"]["rate"] for trial in trials}) == crashing_tuning.TRIALS
        entries = [entry for _, entry in service.logs("demo", "search", limit=10_000)]
        printed = [(entry.trial_id, entry.message) for entry in entries if entry.message.startswith("trial ")]
        expected = [(number, f"trial {number} step {step}") for number in numbers for step in range(5)]
        assert sorted(printed) == sorted(expected)
    finally:
        service.stop()


def serve_until(root: Path, begun: int) -> None:
    """Run a server until so many trials have begun, then kill it without warning."""
    server = subprocess.Popen(
        [sys.executable, str(PROGRAM), str(root)],
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(PROGRAM.parent), *sys.path])},
    )
    with server:
        until = time.monotonic() + 30
        while len(list(root.glob("trial_*"))) < begun:
            assert server.poll() is None and time.monotonic() < until
            time.sleep(0.005)
        server.kill()
