import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tablecloud.jobs.daemon import lock_is_held, read_state

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Run servers of one root; each has told that it is ready, or has ended, when this returns."""
    started: list[subprocess.Popen[str]] = []

    def run(*flags: str, root: Path = tmp_path / "ml") -> subprocess.Popen[str]:
        reader, writer = os.pipe()
        command = [
            sys.executable,
            "-m",
            "tablecloud.jobs.server",
            "--root",
            str(root),
            "--ready-fd",
            str(writer),
            *flags,
        ]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, pass_fds=(writer,))
        started.append(process)
        os.close(writer)
        os.read(reader, 6)
        os.close(reader)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def test_it_serves_until_sigterm_and_cleans_up(tmp_path: Path, start: Start) -> None:
    process = start()
    state = read_state(tmp_path / "ml")
    assert state is not None
    assert state.pid == process.pid
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{state.url}/v1/projects/p/jobs", timeout=10)
    assert caught.value.code == 401
    caught.value.close()
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert not (tmp_path / "ml" / "server.json").exists()
    assert not lock_is_held(tmp_path / "ml")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGUSR1])
def test_other_signals_end_it_as_well(start: Start, number: signal.Signals) -> None:
    process = start()
    process.send_signal(number)
    assert process.wait(20) == 0
    assert process.communicate()[1] == ""


def test_a_second_server_of_the_root_is_refused(tmp_path: Path, start: Start) -> None:
    first = start()
    second = start()
    assert second.wait(20) == 1
    message = second.communicate()[1]
    assert "runs already at http://127.0.0.1:" in message
    assert f"(process {first.pid})" in message
    assert read_state(tmp_path / "ml") is not None


def test_a_port_in_use_is_told(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start("--port", str(taken.getsockname()[1]))
        assert process.wait(20) == 1
    assert "cannot listen on 127.0.0.1 port" in process.communicate()[1]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_an_address_open_to_others_wants_principals(tmp_path: Path, start: Start, host: str) -> None:
    process = start("--host", host)
    assert process.wait(20) == 1
    assert "--principals" in process.communicate()[1]
    assert not (tmp_path / "ml").exists()


def test_with_principals_it_listens_everywhere(tmp_path: Path, start: Start) -> None:
    file = tmp_path / "principals.json"
    file.write_text(json.dumps({"tokens": {"t0ken": "user:ann@example.com"}}))
    file.chmod(0o600)
    start("--host", "0.0.0.0", "--principals", str(file))
    state = read_state(tmp_path / "ml")
    assert state is not None
    assert state.url.startswith("http://127.0.0.1:")
    request = urllib.request.Request(
        f"{state.url}/v1/projects/p/jobs", headers={"Authorization": "Bearer t0ken"}
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)
    assert caught.value.code == 403
    caught.value.close()


def test_an_address_of_another_machine_is_told(tmp_path: Path, start: Start) -> None:
    file = tmp_path / "principals.json"
    file.write_text("{}")
    file.chmod(0o600)
    process = start("--host", "192.0.2.1", "--principals", str(file))
    assert process.wait(20) == 1
    assert "cannot listen on 192.0.2.1" in process.communicate()[1]


def test_a_half_written_token_is_made_anew(tmp_path: Path, start: Start) -> None:
    root = tmp_path / "ml"
    root.mkdir(mode=0o700)
    (root / "token").touch(mode=0o644)
    start()
    assert len((root / "token").read_text().strip()) > 30
    assert (root / "token").stat().st_mode & 0o777 == 0o600


def test_programs_it_starts_do_not_hold_its_lock(tmp_path: Path, start: Start) -> None:
    process = start()
    lock = (tmp_path / "ml" / "server.lock").stat()
    held = [fd for fd in Path(f"/proc/{process.pid}/fd").iterdir() if os.path.samestat(fd.stat(), lock)]
    assert len(held) == 1
    flags = Path(f"/proc/{process.pid}/fdinfo/{held[0].name}").read_text().split("flags:")[1].split()[0]
    assert int(flags, 8) & os.O_CLOEXEC
