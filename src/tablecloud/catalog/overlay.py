"""Overlays: JSON beside the catalog that says of a method what its document does not.

An overlay is `overlays/<provider>.<document name>.json`; docs/design/catalog.md has the format. It is applied
when a service is compiled, never at query time.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from tablecloud.catalog.model import (
    Acceptor,
    Location,
    LongRunning,
    Method,
    Parameter,
    RemoteFilter,
    Resource,
)
from tablecloud.errors import DocumentError


class AcceptorRule(Struct, forbid_unknown_fields=True):
    """`model.Acceptor`, written with names."""

    path: tuple[str, ...]
    values: tuple[str, ...] = ()
    success: bool = True


class LongRunningRule(Struct, forbid_unknown_fields=True):
    """`model.LongRunning`, written with names."""

    poll: str
    acceptors: tuple[AcceptorRule, ...]
    progress: tuple[str, ...] = ()
    message: tuple[str, ...] = ()
    result: tuple[str, ...] = ()
    follow: str = ""


class RemoteFilterRule(Struct, forbid_unknown_fields=True):
    """`model.RemoteFilter`, written with names."""

    parameter: str
    dialect: str
    columns: dict[str, tuple[str, ...]]


class MethodRules(Struct, forbid_unknown_fields=True):
    """What an overlay says of one method; a member that is absent leaves the document's word."""

    long_running: LongRunningRule | None = None
    remote_filter: RemoteFilterRule | None = None
    identity: dict[str, str] = {}
    whole: str = ""
    """A path template whose one variable `{+name}` takes a whole resource name, for a method that is called
    on things of several kinds; its body and its answer are any JSON object."""
    query: bool = False
    """Whether it is a POST that only reads: SELECT reaches it, the fields of its body are parameters."""


class Overlay(Struct, forbid_unknown_fields=True):
    """One overlay file."""

    service: str
    """Provider and document name: `google.ml`."""
    version: str
    """The one version that it speaks of."""
    methods: dict[str, MethodRules]
    """Method id -> what is to be said of it."""


def read_overlay(data: bytes, label: str) -> Overlay:
    """Read an overlay.

    Raises:
        DocumentError: it is not one; the message names the file and the member.
    """
    try:
        return msgspec.json.decode(data, type=Overlay)
    except msgspec.DecodeError as error:
        raise DocumentError(f"the overlay {label} cannot be used: {error}") from error


def queries(overlay: Overlay) -> frozenset[str]:
    """Return the ids of the methods that an overlay calls queries; the reader needs them."""
    return frozenset(name for name, rules in overlay.methods.items() if rules.query)


def apply_overlay(overlay: Overlay, resources: Iterable[Resource]) -> list[Resource]:
    """Return the resources with the overlay's words put in.

    Raises:
        DocumentError: the overlay names a method that none of the resources has.
    """
    unknown = set(overlay.methods)
    changed = []
    for resource in resources:
        unknown.difference_update(m.id for m in resource.methods)
        methods = tuple(_apply(overlay.methods.get(m.id), m) for m in resource.methods)
        changed.append(msgspec.structs.replace(resource, methods=methods))
    if unknown:
        raise DocumentError(
            f"the overlay of {overlay.service} names unknown methods: {', '.join(sorted(unknown))}"
        )
    return changed


def _apply(rules: MethodRules | None, method: Method) -> Method:
    """Apply what concerns the method's form: a row without a column cannot be told by it."""
    if rules is None:
        return method
    if rules.whole:
        method = _whole(rules.whole, method)
    fields = {column.name for column in method.columns}
    identity = {column: name for column, name in rules.identity.items() if column in fields}
    long_running = _long_running(rules.long_running) if rules.long_running else method.long_running
    remote = _remote_filter(rules.remote_filter, fields) if rules.remote_filter else method.remote_filter
    return msgspec.structs.replace(
        method, long_running=long_running, remote_filter=remote, identity=identity or method.identity
    )


def _whole(path: str, method: Method) -> Method:
    name = Parameter(
        name="name",
        wire="name",
        location=Location.PATH,
        required=True,
        description="Whole name of what is called, such as `projects/p/models/m/versions/v`.",
    )
    queries = tuple(p for p in method.parameters if p.location is not Location.PATH)
    return msgspec.structs.replace(
        method, path=path, parameters=(name, *queries), body=(), columns=(), free_body=True
    )


def _long_running(rule: LongRunningRule) -> LongRunning:
    return LongRunning(
        poll=rule.poll,
        acceptors=tuple(Acceptor(path=a.path, values=a.values, success=a.success) for a in rule.acceptors),
        progress=rule.progress,
        message=rule.message,
        result=rule.result,
        follow=rule.follow,
    )


def _remote_filter(rule: RemoteFilterRule, fields: set[str]) -> RemoteFilter | None:
    columns = {name: operators for name, operators in rule.columns.items() if name in fields}
    return RemoteFilter(parameter=rule.parameter, dialect=rule.dialect, columns=columns) if columns else None
