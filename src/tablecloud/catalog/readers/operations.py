"""What the shape of a schema says about paging and about waiting.

A response that looks like a long-running operation is one, whoever published the document.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable

from tablecloud.catalog.model import Acceptor, LongRunning, Pagination, Verb
from tablecloud.catalog.readers.document import DocumentMethod, Schema, Schemas

GENERIC = frozenset(("name", "done", "error", "response"))
"""google.longrunning.Operation."""
LINKED = frozenset(("selfLink", "status", "error", "targetLink"))
"""The operation of compute, container, deploymentmanager and sqladmin."""
_VERSION = re.compile(r"v\d\w*")
_TOKENS = ("nextPageToken", "pageToken")
_PAGE_SIZES = ("pageSize", "maxResults")


def pagination_of(schemas: Schemas, method: DocumentMethod, parameters: Container[str]) -> Pagination | None:
    """Return the paging rule: a token in the response and a parameter that takes it; else None.

    Parameters:
        parameters: names of what the method takes, in its URL or in the body of a query.
    """
    if not (method.http_method == "GET" or method.queried) or "pageToken" not in parameters:
        return None
    properties = schemas.resolve(Schema(ref=method.response_schema)).properties
    token = next((name for name in _TOKENS if name in properties), None)
    if token is None:
        return None
    size = next((name for name in _PAGE_SIZES if name in parameters), "")
    return Pagination(request="pageToken", response=(token,), page_size=size)


def polled_versions(schemas: Schemas, methods: Iterable[DocumentMethod]) -> frozenset[str]:
    """Return the version words under which the document offers a GET of a generic operation."""
    return frozenset(
        version_prefix(m)
        for m in methods
        if m.http_method == "GET" and _has(schemas, m.response_schema, GENERIC)
    )


def version_prefix(method: DocumentMethod) -> str:
    """Return the version word a path begins with: `v1` of `v1:evaluate` and of `v1/{+name}`; else empty."""
    return version_word(method.path)


def version_word(path: str) -> str:
    """Return the version word that a path begins with, without a slash before it; else empty."""
    found = _VERSION.match(path.lstrip("/"))
    return found.group() if found else ""


def long_running_of(
    schemas: Schemas, method: DocumentMethod, verb: Verb, service_path: str, polled: frozenset[str]
) -> LongRunning | None:
    """Return how to wait for a method whose response is an operation; None where it is not.

    Parameters:
        service_path: the document's `servicePath`, put before the path of the poll.
        polled: what `polled_versions` found; without a way to poll there is no rule.
    """
    if method.http_method == "GET" or not method.response_schema:
        return None
    if _has(schemas, method.response_schema, GENERIC):
        prefix = version_prefix(method)
        return generic_rule(service_path + f"{prefix}/{{+name}}".lstrip("/")) if prefix in polled else None
    if _has(schemas, method.response_schema, LINKED):
        error = schemas.resolve(schemas.named(method.response_schema).properties["error"])
        return linked_rule("errors" in error.properties, verb)
    return None


def _has(schemas: Schemas, name: str, members: frozenset[str]) -> bool:
    return bool(name) and members <= schemas.named(name).properties.keys()


def generic_rule(poll: str) -> LongRunning:
    """Return how to wait for an operation that says when it is done."""
    return LongRunning(
        poll=poll,
        acceptors=(Acceptor(path=("error",), success=False), Acceptor(path=("done",), values=("true",))),
        message=("error", "message"),
        result=("response",),
    )


def linked_rule(has_errors: bool, verb: Verb) -> LongRunning:
    """Return how to wait for an operation that has a link of its own and one to what it makes.

    Parameters:
        has_errors: whether its error is a list of errors.
    """
    message = ("error", "errors", "0", "message") if has_errors else ("error", "message")
    return LongRunning(
        poll="{+selfLink}",
        acceptors=(Acceptor(path=("error",), success=False), Acceptor(path=("status",), values=("DONE",))),
        progress=("status",),
        message=message,
        # What was deleted is not there to be read.
        follow="" if verb is Verb.DELETE else "{+targetLink}",
    )
