"""Measure the catalog: first build, compiling the largest service, a cold look-up; ratios to JSON decoding.

Run: python benchmarks/catalog.py
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tablecloud.catalog.catalog import Catalog
from tablecloud.catalog.compile import compile_service
from tablecloud.catalog.sources import document_files, google_source
from tablecloud.documents import discovery_document

ROUNDS = 5
LOOK_UP = """
import sys, time
from pathlib import Path
from tablecloud.catalog.catalog import Catalog
began = time.perf_counter()
Catalog.open(Path(sys.argv[1])).resource(sys.argv[2].split("."))
print(time.perf_counter() - began)
"""


def best(action: Callable[[], object], rounds: int = ROUNDS) -> float:
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    return min(times)


def build() -> float:
    """First use in an empty root: the names of all documents."""
    with tempfile.TemporaryDirectory() as root:
        catalog = Catalog.open(Path(root))
        return best(lambda: catalog.services("google"), 1)


def look_up(root: Path, name: str) -> float:
    """Seconds of one look-up in a new process, imports not counted."""
    command = [sys.executable, "-c", LOOK_UP, str(root), name]
    return min(float(subprocess.check_output(command)) for _ in range(ROUNDS))


def main() -> None:
    files = document_files(google_source())
    decode_all = best(lambda: [json.loads(f.read_bytes()) for f in files], 1)
    compute = discovery_document("compute", "v1")
    decode_compute = best(lambda: json.loads(compute))
    print(f"baseline: json.loads of {len(files)} documents {decode_all:.2f} s")
    print(f"baseline: json.loads of compute.v1 {decode_compute * 1e3:.1f} ms")
    built = min(build() for _ in range(3))
    print(f"index of all names: {built:.2f} s, {built / decode_all:.2f} x decoding")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        catalog = Catalog.open(root)
        entry = catalog.service("google", "compute")
        compiled = best(lambda: compile_service(google_source(), entry))
        print(f"compile compute: {compiled * 1e3:.0f} ms, {compiled / decode_compute:.2f} x decoding")
        for name in ("google.ml.jobs", "google.compute.instances"):
            catalog.resource(name.split("."))
            cold = look_up(root, name)
            print(
                f"cold look-up of {name}: {cold * 1e3:.1f} ms, {cold / decode_compute:.3f} x decoding compute"
            )


if __name__ == "__main__":
    main()
