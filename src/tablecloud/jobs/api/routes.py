"""Which method a request means: a table made of the Discovery document, so that no method is forgotten.

Contract: ml-jobs-service 1.1: route on the last colon of the last segment, decode escapes after splitting.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from urllib.parse import unquote

from tablecloud.jobs.wire.errors import ApiError, invalid
from tablecloud.jobs.wire.schemas import JsonObject, document, snake_case

_MAX_ID = 1024

Shape = tuple[tuple[str, ...], bool, str]
"""Collection names of a path, whether it ends in an id, and its verb."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of the API."""

    id: str
    http_method: str
    variables: tuple[str, ...]
    """Names of the path's ids, in order."""
    parameters: dict[str, str]
    """Accepted spelling of a query parameter to its Discovery name."""
    response: str
    """Schema id of the reply."""


LOG_ENTRIES_PATH = "/v2/entries:list"
LOG_ENTRIES = Route(
    id="logging.entries.list", http_method="POST", variables=(), parameters={}, response="LogEntries"
)
"""The one method of another API: it shows the logs of jobs."""
_LOGS_ONLY = (
    "Of Cloud Logging this service has entries.list alone, for the logs of its jobs. Google's own is reached "
    "without --endpoint google.logging=local"
)


@cache
def routes() -> dict[Shape, dict[str, Route]]:
    """Return every route by shape and HTTP method."""
    table: dict[Shape, dict[str, Route]] = {}
    for spec in _methods(document()):
        segments = spec["flatPath"].removeprefix("v1/").split("/")
        shape, variables = _shape(segments)
        route = _route(spec, tuple(name.strip("{}") for name in variables))
        table.setdefault(shape, {})[route.http_method] = route
    return table


def match_route(http_method: str, path: str) -> tuple[Route, dict[str, str]]:
    """Return the route of a request and its path variables, decoded.

    Parameters:
        http_method: after any override.
        path: raw path of the URL, percent escapes in place.

    Raises:
        ApiError: NOT_FOUND (no such URL), METHOD_NOT_ALLOWED, or INVALID_ARGUMENT (an id that cannot be one).
    """
    if path == LOG_ENTRIES_PATH and http_method == "POST":
        return LOG_ENTRIES, {}
    if path.startswith("/v2/"):
        raise ApiError("NOT_FOUND", f"{_no_such_url(path).message} {_LOGS_ONLY}")
    if not path.startswith("/v1/"):
        raise _no_such_url(path)
    shape, ids = _shape(path.removeprefix("/v1/").split("/"))
    by_method = routes().get(shape) or _any_resource(shape)
    if by_method is None or not all(ids):
        raise _no_such_url(path)
    route = by_method.get(http_method)
    if route is None:
        allowed = ", ".join(sorted(by_method))
        raise ApiError(
            "METHOD_NOT_ALLOWED",
            f"{http_method[:20]} is not allowed here. Allowed: {allowed}.",
            headers=(("Allow", allowed),),
        )
    # By the path's own collections, since predict and explain take more of them than their route has.
    return route, {f"{name}Id": _decode(raw) for name, raw in zip(shape[0], ids, strict=False)}


def _shape(segments: list[str]) -> tuple[Shape, list[str]]:
    last, colon, verb = segments[-1].rpartition(":")
    parts = [*segments[:-1], last if colon else verb]
    return (tuple(parts[0::2]), len(parts) % 2 == 0, verb if colon else ""), parts[1::2]


def _any_resource(shape: Shape) -> dict[str, Route] | None:
    """Predict and explain take a name of any depth below a project: their pattern is `^projects/.*$`."""
    collections, _, verb = shape
    if verb in ("predict", "explain") and collections[0] == "projects":
        return routes()[("projects",), True, verb]
    return None


def _methods(node: JsonObject) -> list[JsonObject]:
    found = list(node.get("methods", {}).values())
    for child in node.get("resources", {}).values():
        found += _methods(child)
    return found


def _route(spec: JsonObject, variables: tuple[str, ...]) -> Route:
    names = [name for name, p in spec.get("parameters", {}).items() if p["location"] == "query"]
    return Route(
        id=spec["id"],
        http_method=spec["httpMethod"],
        variables=variables,
        parameters={spelling: name for name in names for spelling in (name, snake_case(name))},
        response=spec["response"]["$ref"],
    )


def _decode(raw: str) -> str:
    try:
        text = unquote(raw, errors="strict")
    except UnicodeDecodeError:
        raise invalid("The URL is not UTF-8.") from None
    # A slash inside one id would make two resources share a name, and with it a policy.
    if "/" in text or len(text) > _MAX_ID or not text.isprintable():
        raise invalid(f"'{raw[:80]}' cannot be part of a resource name.", field="name")
    return text


def _no_such_url(path: str) -> ApiError:
    return ApiError("NOT_FOUND", f"The requested URL {path[:200]} was not found on this server.")
