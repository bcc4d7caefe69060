"""`tablecloud exec`: one script; its rows go to standard output or a file, all else to standard error."""

from __future__ import annotations

import sys
from argparse import Namespace

from tablecloud.cli.exits import OK
from tablecloud.cli.outfile import open_output
from tablecloud.cli.progress import ProgressLine
from tablecloud.cli.runner import Run, run_script
from tablecloud.cli.script import prepared_values, read_script
from tablecloud.settings import Settings


def run_exec(given: Namespace, settings: Settings) -> int:
    """Run the script of a command line and return the exit status.

    Raises:
        SettingError: something given is unusable; nothing was run.
        TablecloudError: a statement failed.
    """
    text = read_script(given)
    if getattr(given, "dryrun", False):
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        return OK
    parameters = prepared_values(getattr(given, "param", ()))
    from tablecloud.cli.opening import open_session

    progress = ProgressLine()
    dry_run = getattr(given, "dry_run", False)
    with (
        open_output(getattr(given, "outfile", "")) as out,
        open_session(settings, progress=progress, dry_run=dry_run) as session,
    ):
        run = Run(session=session, settings=settings, out=out, progress=progress, parameters=parameters)
        return run_script(run, text, keep_going=getattr(given, "keep_going", False))
