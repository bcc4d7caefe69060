"""`tablecloud shell`: statements typed at a prompt, or piped in; one session that survives errors."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from tablecloud.cli.exits import INTERRUPTED, OK, paint, print_error, status_of, worse
from tablecloud.cli.opening import open_session
from tablecloud.cli.outfile import open_output
from tablecloud.cli.progress import ProgressLine
from tablecloud.cli.runner import Run, run_statement, statements
from tablecloud.cli.script import prepared_values, template_values
from tablecloud.cli.template import render
from tablecloud.errors import SqlSyntaxError, TablecloudError
from tablecloud.settings import Settings, prepare_root

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession

LEAVE = ("exit", "quit", "\\q")
_HELP = """\
Type a statement and end it with `;`. It may take several lines.

  SHOW SERVICES IN google;                      what there is
  DESCRIBE google.ml.jobs;                      the columns of a table
  SELECT jobId, state FROM google.ml.jobs WHERE projectsId = 'demo';
  EXPLAIN SELECT …;                             the calls it would make

  \\d NAME   describe a table          help    this text
  clear     clear the screen          exit    leave (also quit, \\q, Ctrl-D)

Ctrl-C stops a running statement, or drops what is typed.
"""


def run_shell(given: Namespace, settings: Settings) -> int:
    """Read statements until the end of input and return the exit status: 1 where piped statements failed."""
    progress = ProgressLine()
    values = template_values(given)
    with (
        open_output(getattr(given, "outfile", "")) as out,
        open_session(settings, progress=progress, dry_run=getattr(given, "dry_run", False)) as session,
    ):
        parameters = prepared_values(getattr(given, "param", ()))
        run = Run(session=session, settings=settings, out=out, progress=progress, parameters=parameters)

        def answer(text: str) -> int:
            return _answer(run, render(text, values) if "{{" in text else text)

        if sys.stdin.isatty():
            return _interactive(run, answer)
        return _piped(sys.stdin, answer)


def is_complete(text: str) -> bool:
    """Return whether what is typed can be run: a command of the shell, or text that ends with `;`."""
    word = text.strip()
    if not word or word.lower() in ("help", "clear", *LEAVE) or word.startswith("\\"):
        return True
    from tablecloud.sql.lexer import tokenize

    try:
        tokens = tokenize(text)
    except SqlSyntaxError:
        return False  # a string or a comment that is still open
    return not tokens or tokens[-1].is_symbol(";")


def _piped(lines: Iterable[str], answer: Callable[[str], int]) -> int:
    """Run what comes in, statement by statement, as soon as each is complete."""
    worst, pending = OK, ""
    for line in lines:
        pending += line
        if not is_complete(pending):
            continue
        text, pending = pending, ""
        if text.strip().rstrip(";").lower() in LEAVE:
            return worst
        worst = worse(worst, answer(text))
    return worse(worst, answer(pending)) if pending.strip() else worst


def _interactive(run: Run, answer: Callable[[str], int]) -> int:
    prompt = _prompt_session(run)
    sys.stderr.write("Tablecloud shell. `help` explains; `exit` leaves.\n")
    while True:
        try:
            text = prompt.prompt()
        except KeyboardInterrupt:
            continue
        except EOFError:
            break
        if text.strip().rstrip(";").lower() in LEAVE:
            break
        answer(text)
    sys.stderr.write("goodbye\n")
    return OK


def _answer(run: Run, text: str) -> int:
    """Carry out one input; whatever goes wrong is printed and the shell goes on."""
    word = text.strip()
    try:
        if word.lower() in ("help", "help;"):
            sys.stdout.write(_HELP)
            return OK
        if word.lower() in ("clear", "clear;"):
            sys.stdout.write("\x1b[2J\x1b[H" if sys.stdout.isatty() else "")
            return OK
        status = OK
        for statement in statements(_translate(word)):
            status = worse(status, run_statement(run, statement))
        return status
    except TablecloudError as error:
        run.progress.clear()
        print_error(error)
        return status_of(error)
    except KeyboardInterrupt:
        run.progress.clear()
        sys.stderr.write("\ncancelled\n")
        return INTERRUPTED


def _translate(text: str) -> str:
    """Return the statement that a backslash command stands for."""
    if not text.startswith("\\"):
        return text
    command, _, rest = text.rstrip(";").partition(" ")
    name = rest.strip()
    if command == "\\d":
        return f"DESCRIBE {name}" if name else "SHOW PROVIDERS"
    raise SqlSyntaxError(
        f"there is no command {command}", hint="\\d NAME describes a table; help lists the others"
    )


def _prompt_session(run: Run) -> PromptSession[str]:
    """Return a prompt with history, completion, and lines until `;`."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import CompleteEvent, Completer, Completion, ThreadedCompleter
    from prompt_toolkit.document import Document
    from prompt_toolkit.formatted_text import ANSI
    from prompt_toolkit.history import FileHistory
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

    from tablecloud.cli.complete import suggest

    class Names(Completer):
        """Completion from the session's catalog."""

        def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:  # noqa: ARG002
            """Yield what may come next."""
            word, found = suggest(
                document.text_before_cursor,
                document.text_after_cursor,
                run.session.runtime.catalog,
                run.settings.provider,
            )
            for text in found:
                yield Completion(text, start_position=-len(word))

    keys = KeyBindings()

    @keys.add("enter")
    def _enter(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if is_complete(buffer.text):
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n")

    return PromptSession(
        ANSI(paint("tablecloud> ", "1;34", sys.stdout)),
        multiline=True,
        prompt_continuation="        ...> ",
        history=FileHistory(_history_file(run.settings)),
        completer=ThreadedCompleter(Names()),
        complete_while_typing=False,
        key_bindings=keys,
    )


def _history_file(settings: Settings) -> str:
    path = prepare_root(settings.approot) / "history"
    with suppress(OSError):
        path.touch(mode=0o600)
        path.chmod(0o600)
    return str(path)
