"""Find, start and stop the background job service of one application root.

The server holds `server.lock` while it lives and publishes `server.json` once it listens. A held lock
beside a file that names the process which wrote it is the proof that the address in it answers, so finding
a running service costs a few system calls and no request. Nothing here imports the server: this module is
on the path of every query.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import tablecloud
from tablecloud.errors import ServiceNotRunning

START_SECONDS = 30.0
STOP_SECONDS = 20.0
_POLL_SECONDS = 0.02
_READY = b"ready\n"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a running service answers, and the file that holds the token it wants."""

    url: str
    token_file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerState:
    """What a running server says of itself in `server.json`."""

    url: str
    pid: int
    process_start: str
    """When the kernel started that process, in its own ticks; with the pid it names one process for ever."""
    boot_id: str
    started: float
    """Seconds since the epoch."""
    version: str
    token_file: str

    @property
    def endpoint(self) -> Endpoint:
        """What a client needs of it."""
        return Endpoint(url=self.url, token_file=Path(self.token_file))


def ensure_running(root: Path, *, progress: Progress | None = None) -> Endpoint:
    """Return where the job service of this root answers; start it in the background if it does not run.

    A service of another version of this package is stopped gracefully and started anew; its jobs go on
    meanwhile. Several processes may call this at once: one of them starts the server, all get the same
    answer.

    Parameters:
        root: folder of the service's state; made with mode 0700 when absent.
        progress: told what takes time, such as the start of the service.

    Raises:
        ServiceNotRunning: it did not come up; the message carries the end of its log.
    """
    root = root.absolute()
    state = read_state(root)
    if state is not None and state.version == tablecloud.__version__:
        return state.endpoint
    with _starting(root):
        state = _settled_state(root)
        if state is not None and state.version != tablecloud.__version__:
            if progress:
                progress(f"restarting the job service: it is version {state.version}")
            stop(root)
            state = None
        if state is None:
            if progress:
                progress("starting the job service")
            state = _start(root)
        return state.endpoint


def read_state(root: Path) -> ServerState | None:
    """Return what the running server says of itself; None when none runs, or it does not listen yet."""
    try:
        fields = json.loads((root / "server.json").read_bytes())
        state = ServerState(**fields)
    except (OSError, ValueError, TypeError):
        return None
    # The process is checked because a new server holds the lock for a moment before it removes an old file.
    alive = lock_is_held(root) and process_start(state.pid) == state.process_start
    return state if alive else None


def stop(root: Path, *, drain: bool = False, deadline: float = STOP_SECONDS) -> bool:
    """Stop the service; its running jobs go on and the next start finds them. Return whether one was running.

    Parameters:
        root: folder of the service's state.
        drain: wait, without a deadline, until no job runs; no job is started meanwhile.
        deadline: seconds to wait for it to end.

    Raises:
        ServiceNotRunning: it runs but does not stop.
    """
    state = _settled_state(root)
    if state is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(state.pid, signal.SIGUSR1 if drain else signal.SIGTERM)
    end = time.monotonic() + deadline
    while lock_is_held(root):
        if not drain and time.monotonic() > end:
            raise ServiceNotRunning(
                f"the job service (process {state.pid}) did not stop within {deadline:.0f} seconds",
                hint=f"look at {root / 'server.log'}, or end it with: kill -9 {state.pid}",
            )
        time.sleep(_POLL_SECONDS)
    return True


def lock_is_held(root: Path) -> bool:
    """Return whether a server of this root lives, listening or not."""
    try:
        descriptor = os.open(root / "server.lock", os.O_RDWR)
    except OSError:
        return False
    try:
        # A shared probe never keeps another probe out, and a starting server tries again for a moment.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def process_start(pid: int) -> str:
    """Return when the kernel started a process, in its ticks; empty where that cannot be known."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return _process_start_elsewhere(pid)
    return stat.rpartition(")")[2].split()[19]


def _process_start_elsewhere(pid: int) -> str:
    if Path("/proc/self/stat").exists():
        return ""  # no such process
    asked = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip()


def state_as_json(state: ServerState) -> str:
    """Return the text of `server.json`."""
    return json.dumps(asdict(state), indent=1) + "\n"


def log_tail(root: Path, lines: int = 8) -> str:
    """Return the last lines of the server's log, or an empty text."""
    try:
        with (root / "server.log").open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 8192))
            text = log.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(text.strip().splitlines()[-lines:])


@contextmanager
def _starting(root: Path) -> Iterator[None]:
    """Let one process at a time start a server; the others wait their turn and find it running."""
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(root / "start.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ServiceNotRunning(
            f"the job service cannot keep its state in {root}: {error.strerror}",
            hint="name another application root with --approot or TABLECLOUD_ROOT",
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _settled_state(root: Path) -> ServerState | None:
    """Return the running server's state, waiting for one that is just starting up or going down."""
    end = time.monotonic() + START_SECONDS
    while lock_is_held(root):
        state = read_state(root)
        if state is not None:
            return state
        if time.monotonic() > end:
            raise ServiceNotRunning(
                f"a job service holds {root / 'server.lock'} but does not say where it listens",
                hint=f"look at {root / 'server.log'} and end that process",
            )
        time.sleep(_POLL_SECONDS)
    return None


def _start(root: Path) -> ServerState:
    """Start a server that outlives this process and wait until it listens."""
    reader, writer = os.pipe()
    command = [sys.executable, "-P", "-m", "tablecloud.jobs.server", "--root", str(root)]
    with suppress(FileNotFoundError):
        (root / "server.log").replace(root / "server.log.1")  # why the last one ended stays readable
    try:
        with open(root / "server.log", "ab", opener=_private) as log:
            first = subprocess.Popen(
                [*command, "--detach", "--ready-fd", str(writer)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(writer,),
                start_new_session=True,
            )
    except OSError as error:
        os.close(reader)
        raise ServiceNotRunning(f"cannot start the job service: {error}") from error
    finally:
        os.close(writer)
    try:
        first.wait()  # it forks the server at once and ends, so that no zombie is left to us
        said = _read_until_ready(reader)
    finally:
        os.close(reader)
    state = read_state(root) if said == _READY else None
    if state is None:
        raise _failure(root, "ended before it listened" if said is not None else "did not come up in time")
    return state


def _read_until_ready(reader: int) -> bytes | None:
    """Return what the server wrote; empty when it died, None when it took too long."""
    ready, _, _ = select.select([reader], [], [], START_SECONDS)
    return os.read(reader, len(_READY)) if ready else None


def announce_ready(descriptor: int) -> None:
    """Tell the process that started this server that it listens."""
    try:
        os.write(descriptor, _READY)
    except OSError:
        pass  # it is gone, or gave up waiting: nobody is left to tell
    finally:
        os.close(descriptor)


def _failure(root: Path, what: str) -> ServiceNotRunning:
    tail = log_tail(root)
    shown = f"; the end of its log:\n{tail}" if tail else ""
    return ServiceNotRunning(
        f"the job service {what}{shown}", hint=f"see {root / 'server.log'}, or run: tablecloud ml serve"
    )


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
