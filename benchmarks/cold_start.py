"""Measure a cold `tablecloud exec` of one page against the bare interpreter, with the embedded service up.

Run: python benchmarks/cold_start.py [rounds]. The commands are run in turn, so that what else the machine
does hits all; the figure to keep is the ratio of the medians. Bytecode is compiled first, as it is when the
package is installed.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tablecloud.jobs.daemon import stop

QUERY = "SELECT jobId, state FROM google.ml.jobs WHERE projectsId = 'bench'"
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "exec, one page": [sys.executable, "-m", "tablecloud.cli.main", "exec", QUERY],
    "--version": [sys.executable, "-m", "tablecloud.cli.main", "--version"],
    "--help": [sys.executable, "-m", "tablecloud.cli.main", "--help"],
}


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 25
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "TABLECLOUD_ROOT": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        try:
            for command in COMMANDS.values():  # compile, build the catalog, start the service
                subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
            report({name: [] for name in COMMANDS}, rounds, environment)
        finally:
            stop(Path(folder) / "ml")


def report(taken: dict[str, list[float]], rounds: int, environment: dict[str, str]) -> None:
    for _ in range(rounds):
        for name, command in COMMANDS.items():
            began = time.perf_counter()
            subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
            taken[name].append(time.perf_counter() - began)
    bare = statistics.median(taken["python -c pass"])
    print(f"{'command':<20} {'median':>8} {'best':>8} {'ratio':>7}")
    for name, seconds in taken.items():
        median = statistics.median(seconds)
        print(f"{name:<20} {median * 1e3:>5.0f} ms {min(seconds) * 1e3:>5.0f} ms {median / bare:>6.1f}x")


if __name__ == "__main__":
    main()
