"""What a registry document says about paging, from the levels it may say it on."""

from __future__ import annotations

from collections.abc import Sequence

from tablecloud.catalog.model import Follow, Pagination
from tablecloud.catalog.readers.refs import Node, as_node, as_text

_UNSAID = Pagination(request="pageToken", response=("nextPageToken",), follow=Follow.GUESS)


def paging_of(configs: Sequence[Node], http: str) -> Pagination | None:
    """Return how a method pages.

    Parameters:
        configs: the config blocks that apply, the most particular first; each key of `pagination` is taken
            from the first that has it.
        http: the HTTP method; without a word about paging only a GET is looked at for a next link.
    """
    blocks = [as_node(config.get("pagination")) for config in configs]
    if not any(blocks):
        return _UNSAID if http == "GET" else None

    def first(key: str) -> object:
        return next((block[key] for block in blocks if block.get(key)), None)

    request, response = as_node(first("requestToken")), as_node(first("responseToken"))
    algorithm = as_text(first("algorithm")) or as_text(request.get("algorithm"))
    header = response.get("location") == "header"
    key = as_text(response.get("key"))
    follow = _follow(request, algorithm, header)
    if follow is Follow.URL and not key:
        key = "@odata.nextLink"
    return Pagination(
        request=as_text(request.get("key")) or _UNSAID.request,
        response=(key,) if header else path_of(key) or _UNSAID.response,
        follow=follow,
        header=header,
        total=path_of(as_text(as_node(first("responseTerminator")).get("key"))),
    )


def _follow(request: Node, algorithm: str, header: bool) -> Follow:
    if algorithm == "page_number":
        return Follow.NUMBER
    location = request.get("location")
    if location == "request" or algorithm == "odata_next_link" or (header and not request):
        return Follow.URL
    return Follow.BODY if location == "body" else Follow.QUERY


def path_of(key: str) -> tuple[str, ...]:
    """Return the steps of `$.a.b`, or of the bare name `a`; `@odata.nextLink` is one step."""
    if key.removeprefix("$.").startswith("@"):
        return (key.removeprefix("$."),)
    return tuple(step for step in key.split(".") if step not in ("$", ""))
