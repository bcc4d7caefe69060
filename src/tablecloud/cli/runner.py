"""Runs the statements of a script in a session and prints what comes of them, for exec and shell alike."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from tablecloud.cli.exits import FAILED, OK, PARTIAL, print_error, worse
from tablecloud.cli.notices import print_notices
from tablecloud.errors import TablecloudError

if TYPE_CHECKING:
    from tablecloud.cli.progress import ProgressLine
    from tablecloud.engine.result import Result
    from tablecloud.session import Session
    from tablecloud.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Where statements run and where their rows go."""

    session: Session
    settings: Settings
    out: TextIO
    progress: ProgressLine
    parameters: Mapping[str, Any]


def run_script(run: Run, text: str, *, keep_going: bool) -> int:
    """Run every statement of a text in order and return the exit status of the worst.

    Parameters:
        keep_going: print the error of a failed statement and go on, instead of raising it.

    Raises:
        TablecloudError: a statement failed; the ones before it have run and their rows are printed.
    """
    worst = OK
    for statement in statements(text):
        try:
            status = run_statement(run, statement)
        except TablecloudError as error:
            if not keep_going:
                raise
            print_error(error)
            status = FAILED
        worst = worse(worst, status)
    return worst


def run_statement(run: Run, statement: str) -> int:
    """Run one statement, print its rows, then what it says of itself; return its exit status.

    Raises:
        TablecloudError: it failed.
    """
    try:
        with run.session.execute(statement, run.parameters or None) as result:
            stats = result.stats
            raised = ""
            try:
                with run.progress.watching(lambda: f"{stats.calls} calls, {stats.pages} pages"):
                    _print_rows(run, result)
            except TablecloudError as error:
                raised = error.message  # whoever catches it prints it: once is enough
                raise
            finally:
                run.progress.clear()
                others = [notice for notice in result.notices if notice.message != raised]
                print_notices(others, sys.stderr, verbose=run.settings.verbose)
            if result.message:
                sys.stderr.write(result.message + "\n")
            return _status(run, result)
    finally:
        run.progress.clear()


def statements(text: str) -> Iterator[str]:
    """Yield the statements of a script, one by one, each on the lines where the script has it.

    What stands before a statement is blanked, so that an error's LINE is the script's.

    Raises:
        SqlSyntaxError: a string, a quoted name or a comment does not end.
    """
    from tablecloud.sql.lexer import split, tokenize

    for tokens in split(tokenize(text)):
        start, end = tokens[0].start, tokens[-1].end
        lines = text.count("\n", 0, start)
        column = start - (text.rfind("\n", 0, start) + 1)
        yield "\n" * lines + " " * column + text[start:end]


def _print_rows(run: Run, result: Result) -> None:
    if not result.columns:
        return
    from tablecloud.formats import FormatOptions, write_rows

    options = FormatOptions(
        format=run.settings.output,
        header=not run.settings.hide_headers,
        delimiter=run.settings.delimiter,
        width=_width_of(run.out),
    )
    run.progress.clear()
    columns = [(column.name, column.type) for column in result.columns]
    write_rows(columns, _after_clearing(run.progress, result.rows()), run.out, options)
    run.out.flush()


def _after_clearing(progress: ProgressLine, rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows; remove the progress line before anything of them is printed."""
    for row in rows:
        progress.clear()
        yield row
    progress.clear()


def _width_of(out: TextIO) -> int | None:
    if not out.isatty():
        return None
    import shutil

    return shutil.get_terminal_size().columns


def _status(run: Run, result: Result) -> int:
    failed = result.failure is not None or any(notice.severity == "error" for notice in result.notices)
    return PARTIAL if failed and run.settings.on_error != "ignore" else OK
