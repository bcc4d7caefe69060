"""Whether a statement may wait for what it begins: `/*+ AWAIT */`."""

from __future__ import annotations

from tablecloud.catalog.model import Method, Resource
from tablecloud.errors import NotSupported


def check_awaitable(resource: Resource, method: Method, span: tuple[int, int]) -> None:
    """Refuse AWAIT on a method that begins nothing to wait for.

    Raises:
        NotSupported: the document says nothing of how to wait for it.
    """
    if method.long_running is None:
        raise NotSupported(
            f"{resource.id}.{method.name} begins nothing that can be waited for",
            hint="leave out AWAIT",
            span=span,
        )
