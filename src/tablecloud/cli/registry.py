"""`tablecloud registry list | pull | remove`: the REGISTRY statements as a command."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tablecloud.cli.progress import ProgressLine
from tablecloud.cli.runner import Run, run_statement
from tablecloud.errors import SettingError
from tablecloud.settings import Settings

if TYPE_CHECKING:
    from argparse import Namespace


def run_registry(given: Namespace, settings: Settings) -> int:
    """Run the action of a command line and return the exit status.

    Raises:
        SettingError: the provider is missing, or a setting is unusable.
        TablecloudError: the registry cannot be read, or does not have what is asked for.
    """
    if given.action != "list" and not given.provider:
        raise SettingError(
            f"tablecloud registry {given.action} wants a provider", hint="tablecloud registry list lists them"
        )
    from tablecloud.cli.opening import open_session
    from tablecloud.sql.lexer import quote_name, quote_value

    words = ["REGISTRY", given.action.upper()]
    words += [quote_name(given.provider)] if given.provider else []
    words += [quote_value(given.release)] if given.release else []
    progress = ProgressLine()
    with open_session(settings, progress=progress) as session:
        run = Run(session=session, settings=settings, out=sys.stdout, progress=progress, parameters={})
        return run_statement(run, " ".join(words))
