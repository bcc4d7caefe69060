"""Runs REGISTRY LIST, PULL and REMOVE: the catalog's packages over the engine's transport."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tablecloud.catalog.registry import Fetch, offered, pull, read_registry, remove
from tablecloud.engine.execute import table_result
from tablecloud.engine.model import Engine
from tablecloud.engine.result import Result
from tablecloud.errors import NotSupported, UnknownProvider
from tablecloud.rest.messages import Conversation, Request
from tablecloud.rest.retry import RetryPolicy, attempt
from tablecloud.sql.plan import RegistryAction, Table

if TYPE_CHECKING:
    from tablecloud.rest.transport import Transport


def run_registry(action: RegistryAction, engine: Engine) -> Result:
    """Carry out a REGISTRY statement.

    Raises:
        UnknownProvider: there is no such provider, or version of it.
        RemoteError, DocumentError: the registry cannot be read, or the package cannot be used.
        SettingError: the registry's configuration is unusable.
        NotSupported: this session has no place for packages.
    """
    packages = engine.packages
    if packages is None:
        raise NotSupported("this session has no folder for provider packages")
    registry, fetch = read_registry(packages.registry), _fetcher(engine.transport, engine.policy)
    provider, version = action.provider, action.version
    if action.action == "LIST":
        return table_result(_listing(offered(registry, fetch), provider))
    if engine.dry_run:
        return Result(message=f"would {action.action.lower()} {provider} {version}".rstrip())
    if action.action == "REMOVE":
        told = f"{provider} provider, version {', '.join(remove(packages.root, provider, version))} removed"
    else:
        used = pull(registry, packages.root, provider, version, fetch, packages.progress)
        told = f"{provider} provider, version '{used}' successfully installed"
    packages.changed()
    return Result(message=told)


def _listing(offers: Mapping[str, list[str]], provider: str) -> Table:
    """Return each provider with its highest version, or one provider with all of its versions."""
    if not provider:
        rows = tuple((name, versions[-1]) for name, versions in offers.items())
        return Table(columns=("provider", "version"), rows=rows)
    found = next((name for name in offers if name.lower() == provider.lower()), None)
    if found is None:
        raise UnknownProvider(f"the registry has no provider {provider}", hint="REGISTRY LIST lists them")
    return Table(columns=("provider", "versions"), rows=((found, ", ".join(offers[found])),))


def _fetcher(transport: Transport, policy: RetryPolicy) -> Fetch:
    """Return what fetches a registry's files: without credentials, tried again as every read is."""

    def fetch(address: str) -> bytes:
        request = Request(http="GET", url=address, method_id="registry", anonymous=True)
        return transport.start(_body_of(request, policy)).result()

    return fetch


def _body_of(request: Request, policy: RetryPolicy) -> Conversation[bytes]:
    response = yield from attempt(request, policy)
    return response.body
