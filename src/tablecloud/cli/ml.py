"""`tablecloud ml`: serve jobs in the foreground, say how the service is, stop it, print a job's log."""

from __future__ import annotations

import sys
from argparse import Namespace
from datetime import UTC
from typing import TYPE_CHECKING

from tablecloud.cli.exits import FAILED, OK
from tablecloud.settings import Settings

if TYPE_CHECKING:
    from tablecloud.jobs.daemon import ServerState
    from tablecloud.jobs.executors.choice import ExecutorChoice
    from tablecloud.jobs.model import LogEntry


def run_ml(given: Namespace, settings: Settings) -> int:
    """Carry out one `tablecloud ml` command and return its exit status."""
    actions = {"serve": _serve, "status": _status, "stop": _stop, "logs": _logs}
    return actions[given.action](given, settings)


def _serve(given: Namespace, settings: Settings) -> int:
    from pathlib import Path

    from tablecloud.jobs.server import ServerSettings, serve

    def ready(state: ServerState) -> None:
        _say(f"ml service at {state.url}")
        _say(f"  state in {settings.service_root}, token in {state.token_file}")
        _say(f"  open the page, once, within ten minutes: {_page_link(state)}")
        _say("  Ctrl-C stops it; running jobs go on")

    serve(
        ServerSettings(
            root=settings.service_root,
            host=given.host,
            port=given.port,
            principals=Path(given.principals).expanduser() if given.principals else None,
            drain=given.drain,
            executor=_executor(given),
            store=given.store,
            name=given.server_name,
        ),
        on_ready=ready,
    )
    return OK


def _executor(given: Namespace) -> ExecutorChoice:
    from tablecloud.jobs.executors.choice import ExecutorChoice

    told = {name: getattr(given, name) for name in ExecutorChoice.__slots__ if name != "kind"}
    return ExecutorChoice(kind=given.executor, **told)


def _status(_given: Namespace, settings: Settings) -> int:
    """Print what runs and the number of jobs by state; the exit status is 1 where nothing runs."""
    import time

    from tablecloud.jobs.client import count_states
    from tablecloud.jobs.daemon import read_state

    state = read_state(settings.service_root)
    if state is None:
        _say("the job service is not running; the next query of google.ml starts it")
    else:
        _say(f"url      {state.url}")
        _say(f"process  {state.pid}, version {state.version}, up {_duration(time.time() - state.started)}")
        _say(f"token    {state.token_file}")
        _say(f"page     {_page_link(state)} (good once, for ten minutes)")
    counts = count_states(settings.service_root)
    _say(f"state    {settings.service_root}")
    _say(f"jobs     {', '.join(f'{count} {name}' for name, count in counts.items()) or 'none'}")
    return OK if state else FAILED


def _page_link(state: ServerState) -> str:
    """Return a link that logs a browser in to the service's page."""
    import time
    from pathlib import Path

    from tablecloud.jobs.page.sessions import link, link_key

    token = Path(state.token_file).read_text(encoding="ascii").strip()
    return link(state.url, link_key(token, state.started), time.time())


def _stop(given: Namespace, settings: Settings) -> int:
    from tablecloud.jobs.daemon import stop

    if stop(settings.service_root, drain=given.drain):
        _say("the job service stopped; running jobs go on" if not given.drain else "the job service stopped")
    else:
        _say("the job service is not running")
    return OK


def _logs(given: Namespace, settings: Settings) -> int:
    from tablecloud.jobs.client import find_job, read_log

    job = find_job(settings.service_root, given.job, project=given.project)
    for entry in read_log(settings.service_root, job, follow=given.follow):
        sys.stdout.write(_line(entry) + "\n")
        if given.follow:
            sys.stdout.flush()
    return OK


def _line(entry: LogEntry) -> str:
    from datetime import datetime

    at = datetime.fromtimestamp(entry.at, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    return f"{at}Z {entry.severity:<7} {entry.task}  {entry.message}"


def _duration(seconds: float) -> str:
    minutes, second = divmod(int(max(seconds, 0)), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"{days}d {hour}h" if days else f"{hour}h {minute}m" if hour else f"{minute}m {second}s"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
