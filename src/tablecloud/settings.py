"""Every setting of this package, each written down once: name, type, default, what it does.

A value comes from the configuration file, then the environment, then the flags; the later wins. The command
line makes its flags, and docs/cli.md its table, from the fields below.
"""

# ruff: noqa: RUF009  # _setting only declares a field

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TypeVar

from tablecloud.errors import SettingError

T = TypeVar("T")
Value = bool | int | float | str | Path | tuple[str, ...]

FORMATS = ("table", "json", "jsonl", "ndjson", "csv", "text", "markdown", "pptext")
ON_ERROR = ("partial", "strict", "ignore")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How one setting is spelled, and what it is."""

    field: str
    """Name of the attribute of `Settings`."""
    name: str
    """Name in the configuration file; the flag is `--name`."""
    env: str
    default: Value
    doc: str
    choices: tuple[str, ...] = ()
    short: str = ""
    """One-letter flag; empty where there is none."""


def _setting(
    name: str,
    default: T,
    doc: str,
    *,
    short: str = "",
    env: str = "",
    choices: tuple[str, ...] = (),
    secret: bool = False,
) -> T:
    """Declare one field of `Settings`; its environment variable follows from its name unless given."""
    variable = env or "TABLECLOUD_" + name.replace(".", "_").replace("-", "_").upper()
    facts = {"name": name, "doc": doc, "short": short, "env": variable, "choices": choices}
    return field(default=default, metadata=facts, repr=not secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one process, resolved."""

    approot: Path = _setting(
        "approot",
        Path("~/.tablecloud"),
        "folder for everything kept on disk; made with mode 0700",
        env="TABLECLOUD_ROOT",
    )
    env_file: str = _setting(
        "env.file", "", "file of KEY=VALUE lines that are put into the environment first"
    )
    provider: str = _setting("provider", "", "provider of table names that do not name one, such as google")
    endpoints: tuple[str, ...] = _setting(
        "endpoint",
        (),
        "SERVICE=URL: where a service is, such as google.ml=https://ml.googleapis.com; "
        "SERVICE=local: on this machine; may be repeated",
    )
    auth: str = _setting("auth", "", "JSON or YAML: how to sign in to each provider", secret=True)
    registry: str = _setting(
        "registry", "", "JSON or an address: where provider packages come from; empty is the public registry"
    )
    on_error: str = _setting(
        "on-error",
        "partial",
        "when some calls fail: partial = print what there is and exit with 4; strict = fail; ignore = say so",
        choices=ON_ERROR,
    )
    output: str = _setting("output", "table", "format of the rows", short="o", choices=FORMATS)
    delimiter: str = _setting("delimiter", ",", "what separates the values of csv", short="d")
    hide_headers: bool = _setting("hideheaders", False, "no header line in csv and text", short="H")
    verbose: bool = _setting("verbose", False, "say more on stderr; tracebacks too", short="v")
    concurrency: int = _setting(
        "execution.concurrency.limit",
        0,
        "most calls at once to one host; 0 or less lets the engine adapt by itself",
    )
    request_timeout: float = _setting(
        "apirequesttimeout", 45.0, "seconds one request may take; 0 is no limit"
    )
    page_limit: int = _setting("http.response.pageLimit", 0, "most pages of one call; 0 reads all of them")
    http_log: bool = _setting(
        "http.log.enabled", False, "print every request and reply to stderr, header values masked"
    )
    proxy_host: str = _setting("http.proxy.host", "", "host of an outbound proxy")
    proxy_port: int = _setting("http.proxy.port", 0, "its port; 0 is the scheme's own")
    proxy_scheme: str = _setting(
        "http.proxy.scheme", "http", "how to talk to the proxy", choices=("http", "https")
    )
    proxy_user: str = _setting("http.proxy.user", "", "user name for the proxy")
    proxy_password: str = _setting("http.proxy.password", "", "password for the proxy", secret=True)
    ca_bundle: str = _setting("tls.CABundle", "", "file of certificates to trust, PEM")
    allow_insecure: bool = _setting("tls.allowInsecure", False, "do not check certificates")

    @property
    def service_root(self) -> Path:
        """Where the embedded job service keeps its state."""
        return self.approot / "ml"


def describe() -> Iterator[Setting]:
    """Yield every setting, in the order in which they are explained to users."""
    for item in fields(Settings):
        default: Value = item.default  # type: ignore[assignment]  # every field has one
        yield Setting(field=item.name, default=default, **item.metadata)


def load(
    flags: Mapping[str, Value | list[str]], environ: Mapping[str, str], *, configfile: str = ""
) -> Settings:
    """Resolve the settings of this process.

    Parameters:
        flags: values given on the command line, by setting name.
        environ: the process's environment.
        configfile: file of `name = value` lines; empty stands for `config` in the application root, which
        may be absent.

    Raises:
        SettingError: a value does not fit its setting, a name is unknown, or the file cannot be read.
    """
    known = {item.name: item for item in describe()}
    from_env = {name: environ[item.env] for name, item in known.items() if environ.get(item.env)}
    early = flags.get("approot") or from_env.get("approot") or known["approot"].default
    path = Path(configfile) if configfile else Path(str(early)).expanduser() / "config"
    values: dict[str, Value] = {}
    for name, (line, text) in _read_config(path, known, required=bool(configfile)).items():
        values[known[name].field] = _convert(known[name], text, f"{path}, line {line}")
    for name, text in from_env.items():
        values[known[name].field] = _convert(known[name], text, f"the variable {known[name].env}")
    for name, given in flags.items():
        values[known[name].field] = _convert(known[name], given, f"the flag --{name}")
    values["approot"] = _absolute(values.get("approot", known["approot"].default))
    return Settings(**values)  # type: ignore[arg-type]  # _convert gave each its field's type


def prepare_root(root: Path) -> Path:
    """Make a folder that only its owner can read, with its parents, and return it.

    Raises:
        SettingError: it cannot be made.
    """
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(
            f"cannot make the application root {root}: {error.strerror}",
            hint="name another folder with --approot or TABLECLOUD_ROOT",
        ) from error
    return root


def _absolute(path: Value) -> Path:
    return Path(os.path.abspath(Path(str(path)).expanduser()))  # noqa: PTH100  # resolve() would follow links


def _read_config(path: Path, known: Mapping[str, Setting], *, required: bool) -> dict[str, tuple[int, str]]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if not required:
            return {}
        raise SettingError(f"there is no configuration file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"cannot read the configuration file {path}: {error}") from error
    found: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals:
            raise SettingError(
                f"{path}, line {number}: no `=` in {line.strip()!r}", hint="write name = value"
            )
        if name not in known:
            raise SettingError(
                f"{path}, line {number}: there is no setting {name!r}", hint=nearest(name, known)
            )
        found[name] = (number, value)
    return found


def nearest(name: str, known: Mapping[str, object]) -> str:
    """Return a hint that names the most similar spellings, or an empty text."""
    import difflib

    near = difflib.get_close_matches(name, list(known), n=3)
    return f"did you mean {' or '.join(near)}?" if near else ""


_TRUTH = {
    "true": True,
    "yes": True,
    "1": True,
    "on": True,
    "false": False,
    "no": False,
    "0": False,
    "off": False,
}


def _convert(setting: Setting, value: Value | list[str], source: str) -> Value:
    """Return a value in its setting's type; a secret's value never reaches the message."""
    if isinstance(setting.default, tuple):
        return tuple(value) if isinstance(value, (list, tuple)) else tuple(str(value).split(","))
    text = str(value)
    if setting.choices and text.lower() not in setting.choices:
        raise SettingError(
            f"{setting.name} cannot be {text!r} (from {source})", hint=f"one of {', '.join(setting.choices)}"
        )
    if setting.choices:
        return text.lower()
    try:
        if isinstance(setting.default, bool):
            return _TRUTH[text.lower()]
        if isinstance(setting.default, (int, float)):
            return type(setting.default)(text)
    except (KeyError, ValueError):
        wanted = {bool: "true or false", int: "a whole number", float: "a number"}[type(setting.default)]
        raise SettingError(f"{setting.name} must be {wanted}, not {text!r} (from {source})") from None
    return Path(text) if isinstance(setting.default, Path) else text
