"""Find, recognise and end processes of this machine from the server's side; `shim` has what both sides need.

A process is known by (pid, start time, boot id) or by the attempt id in its environment, never by a bare pid.
Contract: ml-jobs-service 5.2 points 4 and 6.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import time
from pathlib import Path
from typing import Any

from tablecloud.errors import ExecutorError
from tablecloud.jobs.executors.shim import folder as files
from tablecloud.jobs.executors.shim import proc

_SWEEP_SECONDS = 5.0


def lock_held(folder: Path) -> bool:
    """Say whether a supervisor lives on an attempt's folder."""
    try:
        fd = os.open(folder / files.LOCK, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def signal_identified(identity: dict[str, Any], number: int) -> bool:
    """Signal the very process that `proc.identity` described; False when it is gone."""
    pid = identity["pid"]
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        # The handle pins the process, so what is compared is what is signalled.
        if proc.identity(pid) != identity:
            return False
        signal.pidfd_send_signal(handle, number)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def processes_of(attempt_id: str) -> list[int]:
    """Return the processes that carry an attempt's id in their environment, and everything below them.

    Other users' processes cannot be read and are left out; a process that cleared its environment after its
    supervisor died is found only while its parent lives.
    """
    wanted = f"{files.ATTEMPT_VARIABLE}={attempt_id}".encode()
    own = os.getpid()
    found: dict[int, None] = {}
    for pid in proc.all_pids():
        if pid != own and pid not in found and wanted in _environment(pid):
            found[pid] = None
            found.update(dict.fromkeys(proc.descendants(pid)))
    return list(found)


def sweep(attempt_id: str) -> None:
    """Kill every process of an attempt whose supervisor is gone, until a search finds none.

    Raises:
        ExecutorError: some are left after several seconds, such as ones in an uninterruptible wait.
    """
    until = time.monotonic() + _SWEEP_SECONDS
    while left := processes_of(attempt_id):
        if time.monotonic() > until:
            raise ExecutorError(
                f"processes of attempt {attempt_id} do not die: {', '.join(map(str, left))}",
                hint="look at them with ps; they may hang in a file system that does not answer",
            )
        for pid in left:
            proc.send(pid, signal.SIGKILL)
        time.sleep(0.005)


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


class WakePipe:
    """A named pipe into which supervisors write a byte when there is something to observe.

    Parameters:
        root: the state root; the pipe is `<root>/wake`.

    Raises:
        ExecutorError: the pipe cannot be made.
    """

    def __init__(self, root: Path) -> None:
        path = root / "wake"
        try:
            root.mkdir(parents=True, exist_ok=True)
            if not path.is_fifo():
                path.unlink(missing_ok=True)
                os.mkfifo(path, 0o600)
            # Read and write, so that it never reports an end while no supervisor has it open.
            self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        except OSError as error:
            raise ExecutorError(f"cannot make the pipe {path}: {error.strerror}") from error

    def fileno(self) -> int:
        """Return the descriptor to select on."""
        return self._fd

    def wait(self, seconds: float) -> bool:
        """Wait for a wake-up, take all that are there, and say whether there was one."""
        ready, _, _ = select.select([self._fd], [], [], seconds)
        while ready:
            try:
                os.read(self._fd, 4096)
            except BlockingIOError:
                break
        return bool(ready)

    def wake(self) -> None:
        """Wake whoever waits; any thread may call it."""
        try:
            os.write(self._fd, b"w")
        except BlockingIOError:
            return  # full: it is awake already

    def close(self) -> None:
        """Give the pipe back; supervisors then find no reader and go on without."""
        os.close(self._fd)
