import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from http_server import HttpServer, Reply, Seen, json_reply

from tablecloud.jobs.daemon import stop

COMMAND = [sys.executable, "-m", "tablecloud.cli.main"]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An application root whose job service is stopped at the end."""
    root = tmp_path_factory.mktemp("root")
    yield root
    stop(root / "ml")


@pytest.fixture(scope="session")
def environment(root: Path) -> dict[str, str]:
    """The environment of a user who has set nothing but the root."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("TABLECLOUD_", "GOOGLE_"))}
    return {**kept, "TABLECLOUD_ROOT": str(root), "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "100"}


@pytest.fixture
def tablecloud(environment: dict[str, str]) -> Run:
    """Run one command line to its end."""

    def run(*argv: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*COMMAND, *argv],
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def zones() -> Iterator[HttpServer]:
    """A compute service: zone `good` has two instances, `slow` never answers, all others are forbidden."""

    def respond(seen: Seen) -> Reply:
        if "/zones/good/" in seen.path:
            return json_reply({"items": [{"name": "a", "id": "1"}, {"name": "b", "id": "2"}]})
        if "/zones/slow/" in seen.path:
            return Reply(delay=600)
        error = {"error": {"code": 403, "message": "Not in this zone.", "status": "PERMISSION_DENIED"}}
        return json_reply(error, status=403)

    with HttpServer(respond) as server:
        yield server
