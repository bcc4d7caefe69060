"""The flags of StackQL that have no work to do here: which are accepted with a note, and which are refused.

The rule: a flag that only tunes how StackQL works inside is accepted, so that existing command lines run; a
flag whose being ignored would change what is done, kept or answered is refused with the reason. docs/cli.md
shows this table.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignFlag:
    """One flag without a setting of ours behind it."""

    name: str
    note: str
    """Why it does nothing, or why it is refused."""
    refused: bool = False
    switch: bool = False
    """Takes no value."""
    harmless: tuple[str, ...] = ()
    """Values with which even a refused flag changes nothing."""


def _ignored(name: str, note: str, *, switch: bool = False) -> ForeignFlag:
    return ForeignFlag(name=name, note=note, switch=switch)


def _refused(name: str, note: str, *, switch: bool = False, harmless: tuple[str, ...] = ()) -> ForeignFlag:
    return ForeignFlag(name=name, note=note, refused=True, switch=switch, harmless=harmless)


_EMPTY = ("", "{}")
_NO_SERVER = "this version has no such server; use `tablecloud exec` or the Python session"

FOREIGN_FLAGS: tuple[ForeignFlag, ...] = (
    _ignored("approotfilemode", "the application root is always mode 0700"),
    _ignored("colorscheme", "colours follow the terminal and NO_COLOR"),
    _ignored("gc", "rows are freed when their statement ends"),
    _ignored("dbInternal", "housekeeping statements of clients need no patterns"),
    _ignored("preview", "nothing here is a preview"),
    _ignored("indirect.depth.max", "there is no such limit"),
    _ignored("dataflow.dependency.max", "there is no such limit"),
    _ignored("dataflow.components.max", "there is no such limit"),
    _ignored("metadatattl", "documents are compiled once and checked by their content"),
    _ignored("cachekeycount", "there is no such cache"),
    _ignored("querycachesize", "there is no such cache"),
    _ignored("loglevel", "use --verbose, or --http.log.enabled for requests"),
    _ignored("offline", "documents are never fetched", switch=True),
    _refused(
        "sqlBackend", "queries run in DuckDB, in memory; nothing would be kept where it says", harmless=_EMPTY
    ),
    _refused("namespaces", "answers are never taken from a cache", harmless=_EMPTY),
    _refused("acid", "there are no transactions over calls in this version", harmless=_EMPTY),
    _refused("session", "there are no transactions over calls in this version", harmless=_EMPTY),
    _refused("store.txn", "there are no transactions over calls in this version", harmless=_EMPTY),
    _refused("export.alias", "there are no stored views in this version", harmless=_EMPTY),
    _refused(
        "usenonpreferredapis",
        "every version is a service of its own, such as google.compute_beta",
        switch=True,
    ),
    _refused("http.response.maxResults", "write LIMIT into the statement", harmless=("-1", "0")),
    _refused("errorpresentation", "errors are never rows", harmless=("stderr",)),
    _refused("viperconfigfilename", "name the file with --configfile"),
    _refused("TestWithoutAPICalls", "use --dry-run: it prints the requests and sends nothing", switch=True),
    _refused("cpuprofile", "use: python -X importtime -m tablecloud.cli.main, or py-spy"),
    _refused("pgsrv.address", _NO_SERVER),
    _refused("pgsrv.port", _NO_SERVER),
    _refused("pgsrv.tls", _NO_SERVER),
    _refused("pgsrv.loglevel", _NO_SERVER),
    _refused("pgsrv.sundry", _NO_SERVER),
    _refused("pgsrv.debug.enable", _NO_SERVER, switch=True),
    _refused("mcp.server.type", _NO_SERVER),
    _refused("mcp.config", _NO_SERVER),
)
