"""The command line as a tree of arguments: what may be written, and the help that teaches it."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from tablecloud.cli.foreign_flags import FOREIGN_FLAGS
from tablecloud.errors import SettingError
from tablecloud.settings import Setting, describe, nearest

SERVED = ("approot", "env.file", "verbose")
"""Settings that every command knows; the others are of the commands that run statements."""

_EXAMPLES = """\
examples:
  tablecloud exec "SHOW SERVICES IN google LIKE 'comp%'"
  tablecloud exec "DESCRIBE google.ml.jobs"
  tablecloud exec "SELECT jobId, state FROM google.ml.jobs WHERE projectsId = 'demo'"
  tablecloud exec -i script.sql --var project=demo -o json -f jobs.json
  tablecloud shell
  tablecloud docs google.ml.projects.jobs

google.ml is served on this machine by a job service that starts by itself; no account is needed.
`tablecloud COMMAND --help` says more. Settings also come from ~/.tablecloud/config and TABLECLOUD_…
variables.
"""

_EXEC_EXAMPLES = """\
examples:
  tablecloud exec "SELECT name FROM google.compute.instances WHERE project = 'p' AND zone IN ('a', 'b')"
  tablecloud exec "SELECT * FROM google.ml.jobs WHERE projectsId = $p" --param p=demo
  tablecloud exec -i - -o csv < script.sql
  tablecloud exec --dry-run "EXEC google.ml.projects.jobs.cancel @projectsId = 'demo', @jobsId = 'j1'"

exit status: 0 done; 1 a statement failed; 2 the command line or a setting is wrong; 4 rows were printed but
some calls failed (see --on-error); 130 Ctrl-C. A script stops at its first failed statement unless
--keep-going is given.
"""


class Parser(argparse.ArgumentParser):
    """An argument parser whose mistakes are errors of ours."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing, so that every error looks alike."""
        raise SettingError(message, hint=f"see: {self.prog} --help")


def build_parser(command: str | None = None) -> Parser:
    """Return the parser of the whole command line.

    Every value that is not given is absent from the parsed result, so that a flag wins over the environment
    only where it was written. Flags may stand before or after the command.

    Parameters:
        command: the only command whose arguments are needed; the others are listed and left empty, because
            filling all of them takes as long as a query's plan.
    """
    parser = Parser(
        prog="tablecloud",
        description="SQL over cloud APIs, and a self-hosted job service for Google's ml v1 API.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version and leave")
    _add_script_arguments(parser, hidden=True)
    _add_settings(parser, hidden=True)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for name, (summary, fill) in COMMANDS.items():
        made = _command(commands, name, summary, _EXEC_EXAMPLES if name == "exec" else "")
        if command in (None, name):
            fill(made)
    return parser


def command_of(argv: Sequence[str]) -> str | None:
    """Return the first word that is a command's name: the command, or a flag's value that looks like one."""
    return next((word for word in argv if word in COMMANDS), None)


def normalise(argv: Sequence[str]) -> list[str]:
    """Return the words with `--switch=true` and `--switch=false` written as argparse has them.

    Raises:
        SettingError: a flag is unknown; the hint names the nearest spellings.
    """
    switches = {f"--{name}" for name in _switches()}
    known = _known_flags()
    words: list[str] = []
    for position, word in enumerate(argv):
        if word == "--":
            return words + list(argv[position:])
        name, equals, value = word.partition("=")
        if not _LOOKS_LIKE_FLAG.fullmatch(name):
            words.append(word)
        elif name not in known:
            raise SettingError(
                f"there is no flag {name}", hint=nearest(name, known) or "see: tablecloud exec --help"
            )
        elif not equals or name not in switches:
            words.append(word)
        elif value.lower() in ("true", "1"):
            words.append(name)
        elif value.lower() not in ("false", "0"):
            raise SettingError(f"{name} is true or false, not {value!r}")
    return words


_LOOKS_LIKE_FLAG = re.compile(r"--[A-Za-z][\w.-]*")
_SCRIPT_FLAGS = (
    "--infile",
    "--outfile",
    "--iqldata",
    "--var",
    "--param",
    "--dryrun",
    "--dry-run",
    "--keep-going",
)
_SERVICE_FLAGS = ("--host", "--port", "--principals", "--drain", "--project", "--follow")
_PLACE_FLAGS = ("--store", "--server-name", "--executor", "--replica-cpus", "--ray-address", "--ray-python")
_KUBERNETES_FLAGS = tuple(
    f"--kubernetes-{name}" for name in ("image", "volume", "namespace", "context", "service-account")
)
_SERVE_FLAGS = (*_SERVICE_FLAGS, *_PLACE_FLAGS, *_KUBERNETES_FLAGS)
_COMMAND_FLAGS = ("--help", "--version", "--configfile", "--out", *_SCRIPT_FLAGS, *_SERVE_FLAGS)


def _known_flags() -> dict[str, None]:
    names = [f"--{item.name}" for item in describe()] + [f"--{flag.name}" for flag in FOREIGN_FLAGS]
    return dict.fromkeys([*_COMMAND_FLAGS, *names])


def _switches() -> list[str]:
    ours = [item.name for item in describe() if isinstance(item.default, bool)]
    foreign = [flag.name for flag in FOREIGN_FLAGS if flag.switch]
    return [*ours, *foreign, "dryrun", "dry-run", "keep-going", "drain", "follow"]


def _command(
    commands: argparse._SubParsersAction[Parser], name: str, summary: str, epilog: str = ""
) -> Parser:
    return commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )


def _add_exec(parser: Parser) -> None:
    parser.add_argument("sql", nargs="?", help="the statements, separated by `;`")
    _add_shell(parser)


def _add_shell(parser: Parser) -> None:
    _add_script_arguments(parser)
    _add_settings(parser)


def _add_docs(parser: Parser) -> None:
    parser.add_argument("name", help="such as google.ml.projects.jobs, or google.ml with -o")
    parser.add_argument("-o", "--out", metavar="DIR", help="folder to write the pages of a service to")
    _add_settings(parser, only=SERVED)


def _add_registry(parser: Parser) -> None:
    parser.add_argument("action", choices=("list", "pull", "remove"))
    parser.add_argument("provider", nargs="?", default="", help="such as okta")
    parser.add_argument("release", nargs="?", default="", metavar="version", help="such as v26.08.00447")
    _add_settings(parser)


def _add_script_arguments(parser: Parser, *, hidden: bool = False) -> None:
    def add(*names: str, help: str, **facts: Any) -> None:
        parser.add_argument(*names, help=argparse.SUPPRESS if hidden else help, **facts)

    add("-i", "--infile", metavar="FILE", help="read the statements from a file; - is standard input")
    add("-f", "--outfile", metavar="FILE", help="write rows to a file, which appears when all is done")
    add("-q", "--iqldata", metavar="FILE", help="JSON values for the {{ .name }} templates of the text")
    add("--var", action="append", metavar="NAME=VALUE", help="one value for the templates; may be repeated")
    add(
        "--param",
        action="append",
        metavar="NAME=VALUE",
        help="a value for $NAME (or $1) in the text, as text; NAME:=VALUE takes JSON; may be repeated",
    )
    add("--keep-going", action="store_true", help="go on with a script after a failed statement")
    add("--dryrun", action="store_true", help="print the text with its templates filled in; run nothing")
    add("--dry-run", action="store_true", help="print the requests of mutations; send none of them")


def _add_ml(parser: Parser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", parser_class=Parser, required=True)
    serve = _command(actions, "serve", "serve in the foreground")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    serve.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    serve.add_argument(
        "--principals", metavar="FILE", default="", help="JSON file of tokens, members and roles"
    )
    serve.add_argument(
        "--drain", action="store_true", default=False, help="at the end, wait for running jobs"
    )
    serve.add_argument(
        "--store", metavar="URL", default="", help="postgresql://… of a store that several servers share"
    )
    serve.add_argument(
        "--server-name", metavar="NAME", default="", help="of this one of them (default: the machine's)"
    )
    _add_executors(serve)
    status = _command(actions, "status", "say whether it runs, where, and how many jobs it has")
    stop = _command(actions, "stop", "stop it; running jobs go on")
    stop.add_argument("--drain", action="store_true", default=False, help="let running jobs end first")
    logs = _command(actions, "logs", "print the log of a job")
    logs.add_argument("job", help="its id, or projects/PROJECT/jobs/JOB")
    logs.add_argument("--project", default="", help="where several projects have a job of this id")
    logs.add_argument("-f", "--follow", action="store_true", default=False, help="go on until the job ends")
    for action in (serve, status, stop, logs):
        _add_settings(action, only=SERVED)


def _add_executors(serve: Parser) -> None:
    group = serve.add_argument_group("where jobs run; see docs/executors.md")
    group.add_argument(
        "--executor",
        choices=("process", "ray", "kubernetes"),
        default="process",
        help="(default: %(default)s)",
    )
    group.add_argument(
        "--replica-cpus", type=float, default=None, help="most processors that one replica asks a cluster for"
    )
    group.add_argument("--ray-address", default="", metavar="URL", help="of the dashboard, with port 8265")
    group.add_argument("--ray-python", default="", metavar="FILE", help="the cluster's own interpreter")
    group.add_argument(
        "--kubernetes-image", default="", metavar="IMAGE", help="one that has this installation"
    )
    group.add_argument("--kubernetes-volume", default="", metavar="CLAIM", help="that holds the state folder")
    group.add_argument("--kubernetes-namespace", default="", metavar="NAME", help="(default: default)")
    group.add_argument("--kubernetes-context", default="", metavar="NAME", help="of the kubeconfig file")
    group.add_argument("--kubernetes-service-account", default="", metavar="NAME", help="of the pods")


def _add_settings(parser: Parser, *, only: Sequence[str] = (), hidden: bool = False) -> None:
    """Add the flags of settings, and of other tools' settings; hidden ones work but are not in the help."""
    group = parser.add_argument_group("settings")
    group.add_argument(
        "--configfile", metavar="FILE", help=argparse.SUPPRESS if hidden else "file of settings"
    )
    for item in describe():
        if not only or item.name in only:
            _add_setting(group, item, hidden=hidden)
    for flag in () if only else FOREIGN_FLAGS:
        if flag.switch:
            group.add_argument(f"--{flag.name}", action="store_true", help=argparse.SUPPRESS)
        else:
            group.add_argument(f"--{flag.name}", help=argparse.SUPPRESS)


def _add_setting(group: argparse._ArgumentGroup, item: Setting, *, hidden: bool) -> None:
    names = [f"-{item.short}"] if item.short else []
    names.append(f"--{item.name}")
    text = argparse.SUPPRESS if hidden else _help_of(item)
    if isinstance(item.default, bool):
        group.add_argument(*names, dest=item.name, action="store_true", help=text)
    elif isinstance(item.default, tuple):
        group.add_argument(*names, dest=item.name, action="append", metavar="VALUE", help=text)
    else:
        metavar = "|".join(item.choices) if item.choices else "VALUE"
        group.add_argument(*names, dest=item.name, metavar=metavar, help=text)


def _help_of(item: Setting) -> str:
    default = str(item.default)
    shown = f" (default: {default})" if not isinstance(item.default, (bool, tuple)) and default else ""
    return (item.doc + shown).replace("%", "%%")


COMMANDS: dict[str, tuple[str, Callable[[Parser], None]]] = {
    "exec": ("run statements and print their rows", _add_exec),
    "shell": ("type statements at a prompt", _add_shell),
    "docs": ("print the reference page of a table, or write the pages of a service", _add_docs),
    "ml": ("the job service of this machine", _add_ml),
    "registry": ("list, install and remove packages of providers", _add_registry),
}
