"""From settings to an open session: endpoints, limits, trust, and what is said while it works."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tablecloud.errors import SettingError
from tablecloud.settings import Settings, prepare_root

if TYPE_CHECKING:
    from tablecloud.auth.spec import AuthSpec
    from tablecloud.cli.progress import ProgressLine
    from tablecloud.rest.messages import Progress, Request, Response, TransportFailure
    from tablecloud.rest.wire import TransportSettings
    from tablecloud.session import Session


def open_session(settings: Settings, *, progress: ProgressLine, dry_run: bool = False) -> Session:
    """Return a session as the settings want it; closing it closes all but the job service.

    Raises:
        SettingError: an endpoint or the application root is unusable.
        CredentialError: `auth` is unusable.
    """
    from tablecloud.connect import DEFAULT_ENDPOINTS, embedded_services
    from tablecloud.session import Runtime, RuntimeSettings, Session

    def awaited(told: Progress) -> None:
        progress.show(f"{told.target}: {told.word or 'waiting'} ({told.seconds:.0f} s)")

    def building(step: str, done: int, total: int) -> None:
        progress.show(f"{step}: {done} of {total}")

    root = prepare_root(settings.approot)
    runtime = Runtime(
        RuntimeSettings(
            approot=root,
            endpoints={**DEFAULT_ENDPOINTS, **read_endpoints(settings.endpoints)},
            embedded=embedded_services(root, progress=progress.show),
            auth=_credentials(settings.auth),
            transport=transport_settings(settings),
            page_limit=max(settings.page_limit, 0),
            catalog_progress=building,
            registry=settings.registry,
        )
    )
    return Session(
        runtime,
        provider=settings.provider or None,
        on_error=settings.on_error,
        dry_run=dry_run,
        progress=awaited,
        owns_runtime=True,
    )


def read_endpoints(words: tuple[str, ...]) -> Mapping[str, str]:
    """Return service -> root URL (or `local`) of `SERVICE=URL` words.

    Raises:
        SettingError: a word is no such pair, or its URL is no http address.
    """
    found: dict[str, str] = {}
    for word in words:
        service, equals, url = word.partition("=")
        known = url == "local" or url.startswith(("http://", "https://"))
        if not equals or "." not in service or not known:
            raise SettingError(
                f"--endpoint wants SERVICE=URL or SERVICE=local, not {word!r}",
                hint="such as google.ml=https://ml.googleapis.com/",
            )
        found[service.strip()] = url.strip()
    return found


def transport_settings(settings: Settings) -> TransportSettings:
    """Return what the transport is told: limits, trust, proxy, and a log where one is wanted."""
    from tablecloud.rest.wire import TransportSettings

    limit = {"concurrency": settings.concurrency} if settings.concurrency > 0 else {}
    return TransportSettings(
        **limit,
        total_seconds=max(settings.request_timeout, 0.0),
        ca_bundle=settings.ca_bundle,
        allow_insecure=settings.allow_insecure,
        proxy=_proxy(settings),
        proxy_user=settings.proxy_user,
        proxy_password=settings.proxy_password,
        on_exchange=log_exchange if settings.http_log else None,
    )


def log_exchange(request: Request, outcome: Response | TransportFailure) -> None:
    """Print one request and what came of it to standard error; header values are masked, bodies left out."""
    from tablecloud.rest.messages import Response, masked

    names = " ".join(f"{name}: ***" for name, _ in request.headers)
    if isinstance(outcome, Response):
        came = f"{outcome.status}, {len(outcome.body)} bytes, {outcome.seconds:.3f} s"
    else:
        came = f"no answer: {masked(str(outcome), request.secrets)}"
    sys.stderr.write(f"http: {request.shown} [{names}] -> {came}\n")


def _credentials(auth: str) -> Mapping[str, AuthSpec]:
    if not auth:
        return {}
    from tablecloud.auth.spec import read_auth

    return read_auth(auth)


def _proxy(settings: Settings) -> str:
    if not settings.proxy_host:
        return ""
    port = f":{settings.proxy_port}" if settings.proxy_port > 0 else ""
    return f"{settings.proxy_scheme}://{settings.proxy_host}{port}"
