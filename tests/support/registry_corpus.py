"""Every package of a registry on disk, read and tried: what can be called, and why the rest cannot.

As a program, with the registry's folder and docs/providers.md as its arguments, it writes that page.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tablecloud.catalog.installed import active_version, folder_of, packages_folder
from tablecloud.catalog.model import Location, Method, Parameter, Resource, ServiceEntry, Verb
from tablecloud.catalog.packages import read_package, read_package_service
from tablecloud.catalog.registry import Registry, offered, pull
from tablecloud.errors import DocumentError, NotSupported
from tablecloud.rest.request import build_request
from tablecloud.sqltypes import SqlType

_SERVER = {"endpoint": "https://service.test", "protocol": "https"}


@dataclass(kw_only=True)
class Tally:
    """What was found in one package."""

    provider: str
    services: int = 0
    missing: list[str] = field(default_factory=list)
    """Services whose document the package does not have."""
    resources: int = 0
    without_methods: int = 0
    methods: int = 0
    selects: int = 0
    unsupported: Counter[str] = field(default_factory=Counter)


def nothing(address: str) -> bytes:
    raise AssertionError(f"the registry is on disk, but {address} was asked for")


def tried(folder: Path) -> Iterator[Tally]:
    """Install every package below a folder that holds `dist`, read all of it and build every request."""
    registry = Registry(url=f"file://{folder.resolve()}")
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        for provider, versions in offered(registry, nothing).items():
            if (folder / "dist" / folder_of(provider) / f"{versions[-1]}.tgz").exists():
                pull(registry, root, provider, "", nothing)
                yield _try_package(root, provider)


def _try_package(root: Path, provider: str) -> Tally:
    folder = packages_folder(root) / folder_of(provider) / active_version(root, provider)
    tally = Tally(provider=provider)
    for service in read_package(folder).services:
        tally.services += 1
        try:
            found = read_package_service(
                folder, ServiceEntry(provider=provider, name=service.name, version="")
            )
        except DocumentError as error:
            if (folder / service.document).exists():
                raise
            assert "cannot read the document" in str(error)
            tally.missing.append(service.name)
            continue
        for resource in found:
            _count(tally, resource)
    return tally


def _count(tally: Tally, resource: Resource) -> None:
    tally.resources += 1
    tally.without_methods += not resource.methods
    for method in resource.methods:
        tally.methods += 1
        tally.selects += method.verb is Verb.SELECT
        try:
            try_request(resource, method)
        except NotSupported:
            tally.unsupported[method.unsupported] += 1


def try_request(resource: Resource, method: Method) -> None:
    """Build a request from made-up arguments, every parameter given, and look whether it is one."""
    arguments = {p.name: _made_up(p) for p in method.parameters}
    body = b"{}" if method.body else None
    request = build_request(resource, method, arguments, body, root_url=resource.root_url)
    assert request.url.startswith(("https://", "http://")), request.url
    assert not set(request.url) & set("{} \n"), request.url


def _made_up(parameter: Parameter) -> str:
    if parameter.location is Location.BODY and parameter.type is not SqlType.VARCHAR:
        return "true" if parameter.type is SqlType.BOOLEAN else "1"
    of_server = parameter.location is Location.SERVER
    return (of_server and parameter.default) or _SERVER.get(parameter.name, "x1")


def report(tallies: list[Tally]) -> str:
    """Return the page."""
    rows = [
        f"| {t.provider} | {t.services} | {t.resources} | {t.methods} | {t.selects} | "
        f"{t.unsupported.total() or ''} | {t.without_methods or ''} | {len(t.missing) or ''} |"
        for t in tallies
    ]
    reasons: Counter[tuple[str, str]] = Counter()
    for tally in tallies:
        for reason, count in tally.unsupported.items():
            reasons[reason, tally.provider] += count
    listed = [f"| {count} | {provider} | {reason} |" for (reason, provider), count in reasons.most_common()]
    total, failing = sum(t.methods for t in tallies), sum(reasons.values())
    return _PAGE.format(
        packages=len(tallies),
        methods=f"{total:,}",
        share=f"{100 * (total - failing) / total:.1f}",
        rows="\n".join(rows),
        reasons="\n".join(listed),
    )


_PAGE = """\
# Providers

What the packages of the public registry offer, and what of it this version cannot call. Made by
`python tests/support/registry_corpus.py <registry> docs/providers.md`, which reads every document and builds
a request for every method: {packages} packages, {methods} methods, {share} % of them callable. Calling one
that is not is an error that gives the reason.

- *views* are tables that are written in SQL over other tables; they have no methods here and cannot be read.
- *missing* are services whose documents the packages themselves lack; they are listed, and using one says so.
- Credentials count separately: `--auth` lists the types of this version.

| provider | services | tables | methods | for SELECT | not callable | views | missing |
| --- | --: | --: | --: | --: | --: | --: | --: |
{rows}

| methods | provider | why |
| --: | --- | --- |
{reasons}
"""

if __name__ == "__main__":
    Path(sys.argv[2]).write_text(report(list(tried(Path(sys.argv[1])))), encoding="utf-8")
