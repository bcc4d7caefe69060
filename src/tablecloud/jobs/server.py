"""One process that serves the job API: socket, lock, token, state file, and an orderly end.

Run as `python -m tablecloud.jobs.server --root FOLDER`, by `tablecloud ml serve`, or by
`daemon.ensure_running` in the background. It binds before it starts anything, publishes `server.json` only
once it answers, and leaves running jobs running when it ends.
"""

from __future__ import annotations

import argparse
import fcntl
import ipaddress
import math
import os
import re
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import tablecloud
from tablecloud.errors import JobError, SettingError, TablecloudError
from tablecloud.jobs.daemon import ServerState, announce_ready, process_start, read_state, state_as_json
from tablecloud.jobs.executors.choice import ExecutorChoice, make_executor

if TYPE_CHECKING:
    from types import FrameType

    from starlette.types import ASGIApp

LOCK_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """How to serve."""

    root: Path
    """Folder of all state, mode 0700."""
    host: str = "127.0.0.1"
    port: int = 0
    """0 takes a free one."""
    principals: Path | None = None
    """JSON file of who may do what; wanted on any address that others can reach."""
    drain: bool = False
    """Let running jobs end before the process does."""
    executor: ExecutorChoice = field(default_factory=ExecutorChoice)
    """Where jobs run."""
    store: str = ""
    """`postgresql://…` of a store that several servers share; empty is a file below the root."""
    name: str = ""
    """Of this server, where several share a store; empty is the machine's."""

    @property
    def home(self) -> Path:
        """The folder of what is this server's own: its locks, and where it listens."""
        if not self.store:
            return self.root
        return self.root / "servers" / (self.name or socket.gethostname())


def serve(settings: ServerSettings, *, on_ready: Callable[[ServerState], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT, or SIGUSR1, which waits for running jobs. For the main thread only.

    Parameters:
        settings: where and how.
        on_ready: called once requests are answered and `server.json` is written.

    Raises:
        SettingError: the address is open to others and no principals file is given, that file is unusable, or
            the name or the store's address is.
        JobError: another server has this root, the port is in use, or the state file is broken.
    """
    _check_reachability(settings)
    _check_name(settings)
    settings.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _only_server(settings.home):
        (settings.home / "server.json").unlink(missing_ok=True)  # of a server that was killed
        with _listen_again(settings) as listener:
            _serve_on(listener, settings, on_ready)


def _serve_on(
    listener: socket.socket, settings: ServerSettings, on_ready: Callable[[ServerState], None] | None
) -> None:
    from tablecloud.jobs.api.app import create_app
    from tablecloud.jobs.api.principals import load_principals, local_principals
    from tablecloud.jobs.gcs.credentials import storage_key
    from tablecloud.jobs.page.sessions import link_key
    from tablecloud.jobs.service import JobService, ServiceSettings

    token_file = _token_file(settings.root)
    token = token_file.read_text(encoding="ascii").strip()
    if settings.principals is None:
        principals = local_principals(token)
    else:
        principals = load_principals(settings.principals, token)
    # What a cluster has is the cluster's to know: jobs wait for it there.
    elsewhere = settings.executor.queues_itself
    service = JobService(
        ServiceSettings(
            root=settings.root,
            url=_url(listener),
            storage_key=storage_key(token),
            cpus=math.inf if elsewhere else None,
            memory_bytes=sys.maxsize if elsewhere else None,
        ),
        executor=make_executor(settings.executor, settings.root),
        store_url=settings.store,
        home=settings.home,
    )
    service.start()
    drain = settings.drain
    state_file = settings.home / "server.json"
    since, closing = time.time(), threading.Event()
    app = create_app(service, principals=principals, link_key=link_key(token, since), closing=closing)

    def started() -> None:
        state = _state(listener, token_file, since)
        _publish(state_file, state_as_json(state))
        if on_ready is not None:
            on_ready(state)

    try:
        drain = _run(app, listener, started, closing) or drain
    finally:
        # First, so that nobody is sent to an address where nothing answers while jobs are waited for.
        state_file.unlink(missing_ok=True)
        service.stop(drain=drain)


def _run(
    app: ASGIApp, listener: socket.socket, started: Callable[[], None], closing: threading.Event
) -> bool:
    """Answer requests until a signal says stop; return whether that signal asked to drain.

    Parameters:
        closing: set once no request is taken any more, while answers under way are waited for.
    """
    import uvicorn

    class Server(uvicorn.Server):
        """Uvicorn's server, which tells when it answers."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            closing.set()
            await super().shutdown(sockets)

    server = Server(
        uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            loop="asyncio",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
    )
    asked: list[int] = []

    def end(number: int, _frame: FrameType | None) -> None:
        asked.append(number)
        server.should_exit = True

    # Uvicorn raises the signal it caught once more when it has ended: ours must be there to take it.
    before = {
        number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
    }
    try:
        server.run(sockets=[listener])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return signal.SIGUSR1 in asked


def _check_name(settings: ServerSettings) -> None:
    if settings.name and not settings.store:
        raise SettingError(
            "--server-name has no meaning without --store", hint="one server of a root needs no name"
        )
    if not re.fullmatch(r"[\w.-]*", settings.name) or settings.name.startswith("."):
        raise SettingError(
            f"{settings.name!r} is no name for a server", hint="use letters, digits, dots and dashes"
        )


def _check_reachability(settings: ServerSettings) -> None:
    if settings.principals is not None or settings.host == "localhost":
        return
    with suppress(ValueError):
        if ipaddress.ip_address(settings.host).is_loopback:
            return
    raise SettingError(
        f"{settings.host} can be reached from other machines, and jobs run any code they are given",
        hint="say who may do what with --principals FILE, or listen on 127.0.0.1",
    )


@contextmanager
def _only_server(root: Path) -> Iterator[None]:
    """Hold the lock that says a server of this root lives."""
    descriptor = os.open(root / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        end = time.monotonic() + LOCK_SECONDS
        while not _locked(descriptor):
            if time.monotonic() > end:
                raise _already_running(root)
            time.sleep(0.01)  # a process that only asks whether we live holds the lock for microseconds
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _already_running(root: Path) -> JobError:
    state = read_state(root)
    where = f" at {state.url} (process {state.pid})" if state else ""
    return JobError(
        f"a job service of {root} runs already{where}",
        hint="stop it with: tablecloud ml stop, or use another --approot",
    )


def _listen_again(settings: ServerSettings) -> socket.socket:
    """Listen where this server did the last time, unless told where: running jobs know its address."""
    path = settings.home / "port"
    with suppress(OSError, ValueError, JobError):
        if settings.port == 0:
            return _listen(settings.host, int(path.read_text(encoding="ascii")))
    listener = _listen(settings.host, settings.port)
    path.write_text(f"{listener.getsockname()[1]}\n", encoding="ascii")
    return listener


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise JobError(
            f"cannot listen on {host}: {error}", hint="name an address of this machine with --host"
        ) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise JobError(
            f"cannot listen on {host} port {port}: {error.strerror}",
            hint="choose another with --port; 0 takes a free one",
        ) from error
    return listener


def _url(listener: socket.socket) -> str:
    """Return the address as this machine reaches it."""
    host, port = listener.getsockname()[:2]
    reachable = {
        "0.0.0.0": "127.0.0.1",  # noqa: S104
        "::": "::1",
    }.get(host, host)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def _state(listener: socket.socket, token_file: Path, since: float) -> ServerState:
    return ServerState(
        url=_url(listener),
        pid=os.getpid(),
        process_start=process_start(os.getpid()),
        boot_id=_boot_id(),
        started=since,
        version=tablecloud.__version__,
        token_file=str(token_file),
    )


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _token_file(root: Path) -> Path:
    """Return the file of this root's bearer token, made on first use and kept for clients that know it."""
    path = root / "token"
    with suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
    if not path.read_text(encoding="ascii").strip():
        path.unlink()  # a start that was killed between creating and writing
        return _token_file(root)
    path.chmod(0o600)
    return path


def _publish(path: Path, text: str) -> None:
    """Write a file so that readers see all of it or none."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(
        os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(text)
    draft.replace(path)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a server as its own process and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tablecloud.jobs.server", allow_abbrev=False)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--principals", type=Path)
    parser.add_argument("--drain", action="store_true")
    parser.add_argument("--detach", action="store_true", help="go to the background at once")
    parser.add_argument("--ready-fd", type=int, help="pipe to tell when requests are answered")
    given = parser.parse_args(argv)
    if given.detach and os.fork():
        # The starter's child ends here; the server is nobody's child and leaves no zombie behind.
        os._exit(0)
    if given.detach:
        os.chdir("/")  # keep no folder of the starter busy; PYTHONPATH was made absolute at start-up
    on_ready = None
    if given.ready_fd is not None:
        os.set_inheritable(given.ready_fd, False)

        def on_ready(_state: ServerState) -> None:
            announce_ready(given.ready_fd)

    settings = ServerSettings(
        root=given.root, host=given.host, port=given.port, principals=given.principals, drain=given.drain
    )
    try:
        serve(settings, on_ready=on_ready)
    except TablecloudError as error:
        hint = f"\nhint: {error.hint}" if error.hint else ""
        sys.stderr.write(f"error: {error.message}{hint}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
