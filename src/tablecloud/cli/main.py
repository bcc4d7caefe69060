"""The command `tablecloud`: reads the command line and hands over to one module a command.

Commands import what they need inside functions: a query starts fast because nothing else is loaded.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from tablecloud.cli.exits import FAILED, OK, print_error, print_note, status_of
from tablecloud.errors import SettingError, TablecloudError
from tablecloud.settings import Settings, describe, load

if TYPE_CHECKING:
    from argparse import Namespace


def entry() -> NoReturn:
    """Run as the installed command; never returns."""
    status = main(sys.argv[1:])
    # Everything is closed and written by now. Taking modules apart one by one would cost 30 ms more.
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


def main(argv: Sequence[str]) -> int:
    """Run one command line and return its exit status; a user's mistake is printed and never a traceback."""
    verbose = "-v" in argv or "--verbose" in argv
    try:
        status = _run(argv)
        sys.stdout.flush()
    except BrokenPipeError as error:
        _abandon_stdout()
        return status_of(error)
    except TablecloudError as error:
        if verbose:
            _print_traceback()
        print_error(error)
        return status_of(error)
    except KeyboardInterrupt as error:
        return status_of(error)
    except Exception as error:  # the last door: a defect of ours is told as one
        if verbose:
            _print_traceback()
        print_error(_defect(error, verbose=verbose))
        return FAILED
    return status


def _run(argv: Sequence[str]) -> int:
    from tablecloud.cli.arguments import build_parser, command_of, normalise

    words = normalise(argv)
    parser = build_parser(command_of(words))
    given = parser.parse_args(words)
    if getattr(given, "version", False):
        from tablecloud import __version__

        sys.stdout.write(f"tablecloud {__version__}\n")
        return OK
    command = getattr(given, "command", None)
    if command is None:
        sys.stdout.write(parser.format_help())
        return OK
    return _dispatch(command, given)


def _dispatch(command: str, given: Namespace) -> int:
    answer_foreign_flags(vars(given))
    settings = resolve(vars(given), os.environ)
    if command == "exec":
        from tablecloud.cli.exec import run_exec

        return run_exec(given, settings)
    if command == "shell":
        from tablecloud.cli.shell import run_shell

        return run_shell(given, settings)
    if command == "docs":
        from tablecloud.cli.docs import run_docs

        return run_docs(given, settings)
    if command == "ml":
        from tablecloud.cli.ml import run_ml

        return run_ml(given, settings)
    from tablecloud.cli.registry import run_registry

    return run_registry(given, settings)


def resolve(given: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """Return the settings of a parsed command line; `--env.file` is put into the process's environment first.

    Raises:
        SettingError: a setting is unusable.
    """
    flags = {item.name: given[item.name] for item in describe() if item.name in given}
    configfile = given.get("configfile", "") or environ.get("TABLECLOUD_CONFIGFILE", "")
    settings = load(flags, environ, configfile=configfile)
    if not settings.env_file:
        return settings
    from pathlib import Path

    from tablecloud.cli.dotenv import read_env_file

    os.environ.update(read_env_file(Path(settings.env_file).expanduser()))
    return load(flags, os.environ, configfile=configfile)


def answer_foreign_flags(given: Mapping[str, Any]) -> None:
    """Print a note for each flag that does nothing here.

    Raises:
        SettingError: a flag was given whose being ignored would change what is done.
    """
    from tablecloud.cli.foreign_flags import FOREIGN_FLAGS

    for flag in FOREIGN_FLAGS:
        value = given.get(flag.name)
        if value is None or (flag.refused and value in flag.harmless):
            continue
        if flag.refused:
            raise SettingError(f"--{flag.name} is not supported", hint=flag.note)
        print_note(f"--{flag.name} has no effect: {flag.note}")


def _abandon_stdout() -> None:
    """Point standard output at nothing, so that the interpreter's last flush does not fail again."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())


def _print_traceback() -> None:
    import traceback

    traceback.print_exc()


def _defect(error: Exception, *, verbose: bool) -> TablecloudError:
    return TablecloudError(
        f"an internal error: {type(error).__name__}: {error}",
        hint="this is a defect of tablecloud, please report it"
        + ("" if verbose else "; --verbose shows where it happened"),
    )


if __name__ == "__main__":
    entry()
