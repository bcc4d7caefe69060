"""Start programs in sessions of their own, and keep what became of them."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal

from .output import now
from .proc import send

TYPE_CHECKING = False  # `typing` is slow to import
if TYPE_CHECKING:
    from typing import Any, NoReturn

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


class Process:
    """One process to run: a replica, or a step of the preparation."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.name: str = spec["name"]
        self.argv: list[str] = spec["argv"]
        self.environment: dict[str, str] = spec["environment"]
        self.cwd: str = spec["cwd"]
        self.memory_bytes: int = spec.get("memory_bytes", 0)
        self.accelerators: int = spec.get("accelerators", 0)
        self.pid = 0
        self.started: float | None = None
        self.ended: float | None = None
        self.exit_code: int | None = None
        self.signal: int | None = None
        self.out_of_memory = False
        self.stopped = False

    @property
    def running(self) -> bool:
        """Whether it was started and has not been reaped."""
        return self.started is not None and self.ended is None

    @property
    def broken(self) -> bool:
        """Whether it ended by itself, and badly."""
        return self.ended is not None and self.exit_code != 0 and not self.stopped

    def note_exit(self, status: int) -> None:
        """Take down how it ended."""
        self.ended = now()
        if os.WIFSIGNALED(status):
            self.signal = os.WTERMSIG(status)
        else:
            self.exit_code = os.WEXITSTATUS(status)

    def document(self) -> dict[str, Any]:
        """Return what `state.json` says of it."""
        return {
            "name": self.name,
            "state": "PENDING" if self.started is None else "RUNNING" if self.running else "EXITED",
            "pid": self.pid,
            "exit_code": self.exit_code,
            "signal": self.signal,
            "started": self.started,
            "ended": self.ended,
            "out_of_memory": self.out_of_memory,
            "stopped": self.stopped,
        }


def spawn(process: Process, out: int, err: int) -> None:
    """Start a process in a session of its own; return once its program was executed.

    Raises:
        OSError: the program could not be executed.
    """
    report, report_end = os.pipe()  # closed by exec; else it carries the number of the error
    parent = os.getpid()
    process.pid = os.fork()
    if process.pid == 0:
        _become(process, out, err, report_end, parent)
    os.close(report_end)
    try:
        failure = os.read(report, 16)
    finally:
        os.close(report)
    process.started = now()
    if failure:
        os.waitpid(process.pid, 0)
        process.started, process.pid = None, 0
        raise OSError(int(failure), os.strerror(int(failure)), process.argv[0])


def _become(process: Process, out: int, err: int, report: int, parent: int) -> NoReturn:
    """Turn the forked child into the program. Never returns."""
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGPIPE, signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        os.dup2(out, 1)
        os.dup2(err, 2)
        _limit()
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(127)
        os.chdir(process.cwd)
        os.execvpe(process.argv[0], process.argv, process.environment)
    except OSError as error:
        os.write(report, str(error.errno or errno.EIO).encode())
    finally:
        os._exit(127)  # whatever it was, the child must not go on with the parent's code


def _limit() -> None:
    """Bound what a program may do: no core files, and it dies before its supervisor when memory ends."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (65536 if hard < 0 else min(65536, hard), hard))
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("500")
    except OSError:
        pass


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def hold_ports(mark: str, replicas: list[Process]) -> dict[str, Any]:
    """Give every replica a free port, and keep it bound until that replica starts.

    Where an environment holds `@<mark>:<replica name>@`, it gets the number.
    """
    import _socket  # `socket` costs several milliseconds

    held: dict[str, Any] = {}
    for replica in replicas:
        held[replica.name] = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, 0)
        held[replica.name].bind(("127.0.0.1", 0))
    for name, port in held.items():
        number = str(port.getsockname()[1])
        for replica in replicas:
            for key, value in replica.environment.items():
                replica.environment[key] = value.replace(f"@{mark}:{name}@", number)
    return held


def signal_group(pid: int, number: int) -> None:
    """Signal the process group of a program; one that is gone is fine."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        send(pid, number)
