import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tablecloud.errors import ServiceNotRunning
from tablecloud.jobs.daemon import Endpoint, ensure_running, lock_is_held, read_state, stop


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    root = tmp_path / "ml"
    yield root
    stop(root)


def ask(endpoint: Endpoint) -> bytes:
    token = endpoint.token_file.read_text().strip()
    request = urllib.request.Request(
        f"{endpoint.url}/v1/projects/p/jobs", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return response.read()


def test_it_is_started_once_and_found_again(root: Path) -> None:
    told: list[str] = []
    first = ensure_running(root, progress=told.append)
    assert json.loads(ask(first)) == {}
    assert told == ["starting the job service"]
    assert ensure_running(root, progress=told.append) == first
    assert len(told) == 1
    state = read_state(root)
    assert state is not None
    assert state.endpoint == first
    assert stop(root)
    assert not lock_is_held(root)
    assert read_state(root) is None
    assert not (root / "server.json").exists()
    assert not stop(root)


def test_the_state_is_private(root: Path) -> None:
    endpoint = ensure_running(root)
    assert root.stat().st_mode & 0o777 == 0o700
    for name in ("token", "server.json", "server.log", "server.lock"):
        assert (root / name).stat().st_mode & 0o777 == 0o600, name
    assert endpoint.token_file == root / "token"


def test_a_server_that_was_killed_is_replaced_and_keeps_its_token(root: Path) -> None:
    first = ensure_running(root)
    token = first.token_file.read_text()
    state = read_state(root)
    assert state is not None
    os.kill(state.pid, signal.SIGKILL)
    while lock_is_held(root):  # the kernel frees it when the process is gone
        pass
    assert read_state(root) is None
    second = ensure_running(root)
    assert json.loads(ask(second)) == {}
    assert second.token_file.read_text() == token


def test_a_server_of_another_version_is_replaced(root: Path) -> None:
    ensure_running(root)
    before = read_state(root)
    fields = json.loads((root / "server.json").read_text())
    (root / "server.json").write_text(json.dumps({**fields, "version": "0.0.1"}))
    told: list[str] = []
    ensure_running(root, progress=told.append)
    after = read_state(root)
    assert before is not None
    assert after is not None
    assert after.pid != before.pid
    assert told[0] == "restarting the job service: it is version 0.0.1"


def test_many_starters_at_once_get_one_server(root: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from tablecloud.jobs.daemon import ensure_running; "
        "print(ensure_running(Path(sys.argv[1])).url)"
    )
    starters = [
        subprocess.Popen([sys.executable, "-c", script, str(root)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    urls = {starter.communicate(timeout=60)[0] for starter in starters}
    assert len(urls) == 1
    assert urls != {""}


def test_threads_of_one_process_get_one_server(root: Path) -> None:
    found: list[Endpoint] = []
    threads = [threading.Thread(target=lambda: found.append(ensure_running(root))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 3
    assert len(set(map(str, found))) == 1


def test_a_start_that_fails_shows_the_end_of_the_log(root: Path) -> None:
    root.mkdir(parents=True)
    (root / "jobs.sqlite").write_bytes(b"this is no database, and it is long enough to be read as one" * 100)
    with pytest.raises(ServiceNotRunning) as caught:
        ensure_running(root)
    assert "jobs.sqlite" in caught.value.message
    assert "server.log" in caught.value.hint
    assert "Traceback" not in caught.value.message


def test_finding_it_opens_no_connection_and_imports_no_server(root: Path) -> None:
    ensure_running(root)
    script = (
        "import sys; from pathlib import Path; from tablecloud.jobs.daemon import ensure_running; "
        "ensure_running(Path(sys.argv[1])); "
        "names = ('asyncio', 'socket', 'uvicorn', 'starlette', 'sqlite3', 'argparse'); "
        "print([name for name in names if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(root)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "[]\n"


def test_a_root_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ServiceNotRunning) as caught:
        ensure_running(tmp_path / "file" / "ml")
    assert "--approot" in caught.value.hint


def test_a_file_that_a_killed_server_left_is_no_proof(root: Path) -> None:
    ensure_running(root)
    fields = json.loads((root / "server.json").read_text())
    (root / "server.json").write_text(json.dumps({**fields, "process_start": "1"}))
    assert lock_is_held(root)
    assert read_state(root) is None
    (root / "server.json").write_text(json.dumps(fields))
