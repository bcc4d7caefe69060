"""The Python door: `connect()` returns a session; this machine's job service answers for `google.ml`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tablecloud.rest.wire import TransportSettings
from tablecloud.session import LOCAL, LocalService, Runtime, RuntimeSettings, Session

if TYPE_CHECKING:
    from tablecloud.auth.spec import AuthSpec
    from tablecloud.rest.messages import Progress

DEFAULT_ROOT = "~/.tablecloud"
DEFAULT_ENDPOINTS: Mapping[str, str] = {"google.ml": LOCAL}
"""Google has switched its ml service off, so ours stands in for it."""


def connect(
    root: Path | str | None = None,
    *,
    provider: str | None = None,
    endpoints: Mapping[str, str] | None = None,
    auth: str = "",
    on_error: str = "partial",
    dry_run: bool = False,
    transport: TransportSettings | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Session:
    """Open a session of its own; closing it frees everything but the job service, which goes on.

    Parameters:
        root: the application root; None means `TABLECLOUD_ROOT`, else `~/.tablecloud`.
        provider: what table names without one mean.
        endpoints: service (`google.ml`) -> root URL, or `local` for this machine's service, which
            `google.ml` means unless given.
        auth: JSON or YAML, provider -> kind of credential, as the command line's `--auth` takes it.
        on_error: `partial`, `strict` or `ignore`.
        dry_run: show the requests of each statement and send nothing.

    Raises:
        SettingError, CredentialError: something given is unusable.
    """
    folder = Path(root or os.environ.get("TABLECLOUD_ROOT") or DEFAULT_ROOT).expanduser().absolute()
    settings = RuntimeSettings(
        approot=folder,
        endpoints={**DEFAULT_ENDPOINTS, **(endpoints or {})},
        embedded=embedded_services(folder),
        auth=_specs(auth),
        transport=transport or TransportSettings(),
    )
    return Session(
        Runtime(settings),
        provider=provider,
        on_error=on_error,
        dry_run=dry_run,
        progress=progress,
        owns_runtime=True,
    )


def embedded_services(
    root: Path, progress: Callable[[str], None] | None = None
) -> Mapping[str, Callable[[], LocalService]]:
    """Return the services that this machine runs, each with what finds or starts it.

    Parameters:
        root: the application root; a service keeps its state below it.
        progress: told what takes time, such as the start of a service.
    """

    def job_service() -> LocalService:
        from tablecloud.jobs.daemon import ensure_running

        endpoint = ensure_running(root / "ml", progress=progress)
        return LocalService(url=endpoint.url, token_file=endpoint.token_file)

    # Of google.logging it has the log lines of its jobs alone, so that is asked only where the user says so:
    # whoever means Cloud Logging must not be answered with no rows.
    return {"google.ml": job_service, "google.logging": job_service}


def _specs(auth: str) -> Mapping[str, AuthSpec]:
    if not auth:
        return {}
    from tablecloud.auth.spec import read_auth

    return read_auth(auth)
