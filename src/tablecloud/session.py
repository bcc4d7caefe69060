"""The one way in: `Runtime` is what all sessions of a process share, `Session` is one client's.

Every door (command line, shell, Python, servers) takes a `Session` and reads a `Result`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tablecloud.duck import DatabaseSettings
from tablecloud.engine.execute import execute
from tablecloud.engine.model import Cancellation, Engine, OnError, PackageSettings
from tablecloud.errors import NotSupported, SettingError
from tablecloud.rest.retry import RetryPolicy
from tablecloud.rest.wire import TransportSettings

LOCAL = "local"
"""The endpoint that stands for this machine's own service."""

if TYPE_CHECKING:
    from tablecloud.auth.authorizer import Authorizer
    from tablecloud.auth.spec import AuthSpec
    from tablecloud.catalog.catalog import Catalog
    from tablecloud.catalog.model import Resource
    from tablecloud.engine.result import Result
    from tablecloud.rest.messages import Progress
    from tablecloud.rest.transport import Transport
    from tablecloud.sql.plan import Scalar, SessionChange
    from tablecloud.sql.statements import Statement

_SWITCHES = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalService:
    """Where a service that this machine runs answers, and the file with the token it wants."""

    url: str
    token_file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeSettings:
    """What a runtime is made of. Every field has a default but the folder."""

    approot: Path
    """Folder for everything kept on disk."""
    endpoints: Mapping[str, str] = field(default_factory=dict)
    """Service (`google.ml`) -> the root URL its calls go to, or `LOCAL` for the one of this machine."""
    embedded: Mapping[str, Callable[[], LocalService]] = field(default_factory=dict)
    """Service -> what starts or finds it on this machine, where its endpoint is `LOCAL`; asked before each
    statement that calls it."""
    auth: Mapping[str, AuthSpec] = field(default_factory=dict, repr=False)
    """Provider -> how its calls are authenticated."""
    transport: TransportSettings = field(default_factory=TransportSettings)
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    page_limit: int = 0
    """Pages of one read at most; 0 reads all."""
    row_limit: int = 0
    """Rows of one read at most; 0 reads all."""
    catalog_progress: Callable[[str, int, int], None] | None = None
    """Told what takes long, the first build of the catalog or a package: step, done, of how many."""
    registry: str = ""
    """Where provider packages come from, as `--registry` takes it; empty is the public registry."""


class Runtime:
    """Catalog, transport and credentials, shared by sessions. Opens each at its first use; thread-safe.

    Parameters:
        catalog: None opens the one of the application root when it is first needed.
    """

    def __init__(self, settings: RuntimeSettings, catalog: Catalog | None = None) -> None:
        import threading

        self.settings = settings
        self._lock = threading.RLock()
        self._catalog = catalog
        self._transport: Transport | None = None
        self._authorizer: Authorizer | None = None

    @property
    def catalog(self) -> Catalog:
        """The names of everything; built at the first use on a machine."""
        from tablecloud.catalog.catalog import Catalog

        with self._lock:
            if self._catalog is None:
                self._catalog = Catalog.open(self.settings.approot, progress=self.settings.catalog_progress)
            return self._catalog

    @property
    def transport(self) -> Transport:
        """The way to the network."""
        from tablecloud.rest.transport import Transport

        with self._lock:
            if self._transport is None:
                self._transport = Transport(self.settings.transport, self._authorize())
            return self._transport

    def _authorize(self) -> Authorizer:
        from tablecloud.auth.authorizer import authorizer

        with self._lock:
            if self._authorizer is None:
                self._authorizer = authorizer(
                    self.settings.auth, defaults=self._auth_defaults(), root=self.settings.approot
                )
            return self._authorizer

    def root_url(self, resource: Resource) -> str:
        """Return where the calls of a resource go: a configured endpoint, a service of this machine, or the
        address in its document.

        Raises:
            ServiceNotRunning: the service of this machine did not come up.
        """
        service = f"{resource.provider}.{resource.service}"
        given = self.settings.endpoints.get(service)
        if given != LOCAL:
            return given or resource.root_url
        find = self.settings.embedded.get(service)
        if find is None:
            raise SettingError(
                f"{service} is not served by this machine",
                hint=f"{', '.join(self.settings.embedded) or 'nothing'} is; --endpoint takes a URL as well",
            )
        from tablecloud.auth.authorizer import bearer_file

        local = find()
        self._authorize().assign(local.url, bearer_file(local.token_file))
        return local.url

    def reopen_catalog(self) -> None:
        """Read the catalog anew at its next use: the installed packages have changed."""
        with self._lock:
            catalog, self._catalog = self._catalog, None
            if catalog is not None:
                catalog.close()
            if self._authorizer is not None:
                self._authorizer.replace_defaults(self._auth_defaults())

    def _auth_defaults(self) -> Mapping[str, AuthSpec]:
        """Return how the installed packages say that calls are authenticated."""
        found = self.catalog.auth_defaults()
        if not found:
            return {}
        from tablecloud.auth.spec import read_default

        return {provider: read_default(provider, text) for provider, text in found.items()}

    def shown_root(self, resource: Resource) -> str:
        """Return where the calls of a resource go, as EXPLAIN shows it; starts nothing."""
        service = f"{resource.provider}.{resource.service}"
        given = self.settings.endpoints.get(service)
        return f"⟨{service} on this machine⟩" if given == LOCAL else given or resource.root_url

    def close(self) -> None:
        """End every call and connection; safe when repeated."""
        with self._lock:
            transport, self._transport = self._transport, None
            catalog, self._catalog = self._catalog, None
        if transport is not None:
            transport.close()
        if catalog is not None:
            catalog.close()


class Session:
    """One client: its default provider, its modes, its running statement.

    Parameters:
        runtime: shared; the session closes it only where `owns_runtime`.
        provider: what table names without one mean.
        on_error: what a failed call means.
        dry_run: show requests and send nothing.
        progress: told, in the transport's thread, what awaited operations say of themselves.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        provider: str | None = None,
        on_error: OnError | str = OnError.PARTIAL,
        dry_run: bool = False,
        progress: Callable[[Progress], None] | None = None,
        owns_runtime: bool = False,
    ) -> None:
        self.runtime = runtime
        self.provider = provider
        self.on_error = _on_error(on_error)
        self.dry_run = dry_run
        self.progress = progress
        self._owns_runtime = owns_runtime
        self._running: list[tuple[Cancellation, Result | None]] = []

    def execute(self, text: str, parameters: Sequence[Scalar] | Mapping[str, Scalar] | None = None) -> Result:
        """Run one statement; the one before it is ended, whether its rows were read or not.

        Parameters:
            text: one statement; a semicolon may end it. An empty text gives an empty result.
            parameters: values of `$1`, `$2` … as a sequence, or of `$name` as a mapping.

        Raises:
            TablecloudError: the statement cannot be understood, or failed.
        """
        from tablecloud.sql.parse import parse_script

        statements = parse_script(text)
        if len(statements) > 1:
            second = statements[1]
            raise NotSupported(
                "execute takes one statement", hint="use run for a script", text=text, span=second.span
            )
        if not statements:
            from tablecloud.engine.result import Result

            return Result()
        return self._execute(statements[0], _named(parameters))

    def run(
        self, script: str, parameters: Sequence[Scalar] | Mapping[str, Scalar] | None = None
    ) -> Iterator[Result]:
        """Run the statements of a script one after the other, each when its result is asked for.

        Raises:
            TablecloudError: a statement failed; the ones before it have run.
        """
        from tablecloud.sql.parse import parse_script

        for statement in parse_script(script):
            yield self._execute(statement, _named(parameters))

    def _execute(self, statement: Statement, parameters: Mapping[str, Scalar]) -> Result:
        from tablecloud.sql.names import Scope
        from tablecloud.sql.plan import SessionChange
        from tablecloud.sql.planner import plan

        self._end_running()
        scope = Scope(catalog=self.runtime.catalog, provider=self.provider, parameters=parameters)
        planned = plan(statement, scope)
        if isinstance(planned, SessionChange):
            self._change(planned)
        cancellation = Cancellation()
        self._running.append((cancellation, None))
        result = execute(planned, self._engine(cancellation))
        self._running[-1] = (cancellation, result)
        return result

    def _engine(self, cancellation: Cancellation) -> Engine:
        settings = self.runtime.settings
        database = settings.database
        if database.spill_folder is None:
            # DuckDB's own choice would be a folder in whatever directory the user is in.
            database = replace(database, spill_folder=settings.approot / "spill")
        return Engine(
            transport=self.runtime.transport,
            root_url=self.runtime.root_url,
            shown_root=self.runtime.shown_root,
            policy=settings.retry,
            database=database,
            cancellation=cancellation,
            reads_in_flight=max(settings.transport.concurrency, 1),
            page_limit=settings.page_limit,
            row_limit=settings.row_limit,
            on_error=self.on_error,
            dry_run=self.dry_run,
            progress=self.progress,
            packages=PackageSettings(
                registry=settings.registry,
                root=settings.approot,
                changed=self.runtime.reopen_catalog,
                progress=settings.catalog_progress,
            ),
        )

    def _change(self, change: SessionChange) -> None:
        """Take what USE or SET says."""
        name = change.setting.lower().replace("-", "_")
        if name == "provider":
            self.provider = None if change.value is None else str(change.value)
        elif name == "on_error":
            self.on_error = _on_error(change.value)
        elif name == "dry_run":
            self.dry_run = _switch(name, change.value)
        else:
            raise SettingError(
                f"there is no setting {change.setting}", hint="SET knows provider, on_error and dry_run"
            )

    def _end_running(self) -> None:
        """Free the statement before: a session runs one at a time."""
        while self._running:
            _, result = self._running.pop()
            if result is not None:
                result.close()

    def cancel(self) -> None:
        """End the statement that runs, from any thread; its reader gets `Cancelled`."""
        for cancellation, _ in list(self._running):
            cancellation.cancel()

    def close(self) -> None:
        """End what runs and free it; safe when repeated."""
        self._end_running()
        if self._owns_runtime:
            self.runtime.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _named(parameters: Sequence[Scalar] | Mapping[str, Scalar] | None) -> Mapping[str, Scalar]:
    if parameters is None:
        return {}
    if isinstance(parameters, Mapping):
        return parameters
    return {str(number): value for number, value in enumerate(parameters, start=1)}


def _on_error(value: object) -> OnError:
    try:
        return OnError(str(value).lower())
    except ValueError:
        raise SettingError(f"on_error cannot be {value}", hint="partial, strict or ignore") from None


def _switch(name: str, value: Scalar) -> bool:
    found = _SWITCHES.get(str(value).lower())
    if found is None:
        raise SettingError(f"{name} cannot be {value}", hint="true or false")
    return found
