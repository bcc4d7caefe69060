"""Start-up is budgeted: what a SELECT imports, from a cold process to its rows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.http_server import HttpServer, Seen, json_reply

from tablecloud.catalog.catalog import Catalog

DENIED = {
    "asyncio",
    "concurrent.futures",
    "google",
    "googleapiclient",
    "httptools",
    "importlib.metadata",
    "logging",
    "numpy",
    "pandas",
    "prompt_toolkit",
    "pyarrow",
    "pydantic",
    "rich",
    "starlette",
    "typing_extensions",
    "uvicorn",
}
LATE = {"arro3", "arro3.core", "duckdb", "pycurl", "sqlite3"}
PROGRAM = """
import sys
from pathlib import Path
from tablecloud.session import Runtime, RuntimeSettings, Session
settings = RuntimeSettings(approot=Path(sys.argv[1]), endpoints={"google.ml": sys.argv[2]})
with Session(Runtime(settings), owns_runtime=True) as session:
    rows = session.execute("SELECT jobId FROM google.ml.jobs WHERE projectsId = 'p'").fetchall()
assert rows == [("j",)], rows
import json
print(json.dumps(sorted(sys.modules)))
"""


def loaded(*arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return set(json.loads(done.stdout))


def unavoidable() -> set[str]:
    """What the libraries we need load by themselves."""
    return loaded(
        "import duckdb, msgspec, arro3.core, pycurl, sys, json; print(json.dumps(sorted(sys.modules)))"
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("root")
    catalog = Catalog.open(folder)
    catalog.resource(("google", "ml", "jobs"))
    catalog.close()
    return folder


def test_a_select_loads_nothing_heavy(root: Path) -> None:
    def respond(_seen: Seen):  # type: ignore[no-untyped-def]
        return json_reply({"jobs": [{"jobId": "j"}]})

    with HttpServer(respond) as server:
        used = loaded(PROGRAM, str(root), server.url)
    assert used & DENIED - unavoidable() == set()


def test_the_session_itself_loads_no_engine() -> None:
    program = "import tablecloud.session, sys, json; print(json.dumps(sorted(sys.modules)))"
    used = loaded(program)
    assert used & LATE == set()
    assert used & DENIED - unavoidable() == set()
