from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tablecloud.errors import ExecutorError
from tablecloud.jobs.executors import processes
from tablecloud.jobs.executors.shim import folder as files
from tablecloud.jobs.executors.shim import proc
from tablecloud.jobs.executors.shim.folder import wake


def sleeper(**environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"], env=environment)


def test_identity_signals_the_very_process_only() -> None:
    with sleeper() as process:
        identity = proc.identity(process.pid)
        assert not processes.signal_identified({**identity, "start_time": 1}, signal.SIGKILL)
        assert not processes.signal_identified({**identity, "boot_id": "another"}, signal.SIGKILL)
        assert process.poll() is None
        assert processes.signal_identified(identity, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not processes.signal_identified(identity, signal.SIGKILL)


def test_sweep_kills_what_carries_the_id_and_nothing_else() -> None:
    name = secrets.token_hex(6)
    with sleeper(CLOUD_ML_ATTEMPT_ID=f"{name}-1") as ours, sleeper(CLOUD_ML_ATTEMPT_ID=f"{name}-11") as other:
        # A process has its environment once it is executed; Popen returns only then.
        assert processes.processes_of(f"{name}-1") == [ours.pid]
        os.kill(ours.pid, signal.SIGSTOP)
        processes.sweep(f"{name}-1")
        assert ours.wait() == -signal.SIGKILL
        assert other.poll() is None
        other.kill()


def test_lock_is_held_by_others_only(tmp_path: Path) -> None:
    assert not processes.lock_held(tmp_path)
    lock = files.take_lock(str(tmp_path))
    assert lock is not None and processes.lock_held(tmp_path)
    os.close(lock)
    assert not processes.lock_held(tmp_path)


def test_an_attempt_is_claimed_once(tmp_path: Path) -> None:
    assert files.claim(str(tmp_path), "a")
    assert not files.claim(str(tmp_path), "b")
    assert (tmp_path / files.STARTED).read_text() == "a"
    assert files.take_lock(str(tmp_path)) is None


def test_wake_pipe_wakes_once_for_many(tmp_path: Path) -> None:
    pipe = processes.WakePipe(tmp_path)
    assert not pipe.wait(0)
    wake(str(tmp_path / "wake"))
    pipe.wake()
    assert pipe.wait(5)
    assert not pipe.wait(0)
    pipe.close()
    wake(str(tmp_path / "wake"))  # nobody reads: no error, no waiting


def test_full_wake_pipe_does_not_block(tmp_path: Path) -> None:
    pipe = processes.WakePipe(tmp_path)
    os.write(pipe.fileno(), bytes(1 << 16))
    pipe.wake()
    wake(str(tmp_path / "wake"))
    assert pipe.wait(0)
    pipe.close()


def test_wake_pipe_replaces_a_file_and_says_when_it_cannot(tmp_path: Path) -> None:
    (tmp_path / "wake").write_text("in the way")
    processes.WakePipe(tmp_path).close()
    (tmp_path / "file").write_text("")
    with pytest.raises(ExecutorError, match="wake"):
        processes.WakePipe(tmp_path / "file")


def test_descendants_are_found_by_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    with sleeper() as process:
        assert process.pid in proc.children_of(os.getpid())
        read = proc._read

        def without_children(path: str) -> bytes:
            if path.endswith("/children"):
                raise FileNotFoundError(path)
            return read(path)

        monkeypatch.setattr(proc, "_read", without_children)
        assert process.pid in proc.descendants(os.getpid())
        process.kill()
    assert process.pid not in proc.children_of(os.getpid())


def test_memory_counts_shared_pages_once() -> None:
    program = """
import os, time
data = bytearray(64 << 20)
os.fork()
os.fork()
print('x', flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-S", "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(4):
            process.stdout.readline()
        tree = [process.pid, *proc.descendants(process.pid)]
        assert len(tree) == 4
        resident = proc.memory_of(tree, limit=1 << 40)
        exact = proc.memory_of(tree, limit=1)
        for pid in tree:
            proc.send(pid, signal.SIGKILL)
    assert resident > 4 * (64 << 20) > 2 * exact
    assert exact > 64 << 20
