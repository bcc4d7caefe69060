"""A copy of the cluster's objects of one kind, listed once and kept up to date by a watch.

A watch that ends badly is not mended here: the copy is stale then, and the next look lists anew. So nothing
goes on in the background but the reading of a stream, and that ends when nobody looks any more. Contract:
ml-jobs-service 5.3 (Kubernetes); the rules of list and watch are those of Kubernetes' page of API concepts.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from tablecloud.jobs.executors.kubernetes_objects import Document

LIST_AGAIN_SECONDS = 1.0
"""How old a list may be that no watch keeps up to date, as where the account may not watch."""

List = Callable[[], tuple[list[Document], str]]
"""Returns all objects, and the version of the list."""
Watch = Callable[[str], Iterator[bytes]]
"""Gives the lines of a watch that begins after a version; raises whatever broke it."""


class Stale(Exception):
    """The events say no more how the copy follows from the cluster's state."""


def apply(found: dict[str, Document], event: Document) -> str:
    """Apply one event of a watch to a copy; return the version that it brings the copy to.

    Parameters:
        found: unique id -> object; changed.
        event: `{"type": ADDED | MODIFIED | DELETED | BOOKMARK | ERROR, "object": …}`.

    Raises:
        Stale: it is an error, such as 410: the versions that were asked for are forgotten.
    """
    kind, one = event["type"], event["object"]
    if kind not in ("ADDED", "MODIFIED", "DELETED", "BOOKMARK"):
        raise Stale(kind)
    metadata = one["metadata"]
    if kind == "DELETED":
        found.pop(metadata["uid"], None)
    elif kind != "BOOKMARK":
        found[metadata["uid"]] = one
    return str(metadata["resourceVersion"])


class Mirror:
    """What is known of the objects of one kind. Any thread may look.

    Parameters:
        listing: asks for all of them; what it raises reaches who looks.
        watch: asks for what changes.
    """

    def __init__(self, name: str, listing: List, watch: Watch) -> None:
        self._name = name
        self._listing = listing
        self._watch = watch
        self._lock = threading.Lock()
        self._found: dict[str, Document] = {}
        self._listed = float("-inf")
        self._watched = False
        self._wanted = False

    def look(self) -> list[Document]:
        """Return the objects as they were a moment ago.

        Raises:
            ExecutorError: they had to be listed, and the API refused or did not answer.
        """
        with self._lock:
            if not self._watched and time.monotonic() - self._listed > LIST_AGAIN_SECONDS:
                self._begin()
            self._wanted = True
            return list(self._found.values())

    def _begin(self) -> None:
        taken = time.monotonic()
        items, version = self._listing()
        self._found = {one["metadata"]["uid"]: one for one in items}
        self._listed, self._watched = taken, True
        following = threading.Thread(target=self._follow, args=(version,), name=self._name, daemon=True)
        following.start()

    def _follow(self, version: str) -> None:
        """Read one watch after another for as long as somebody looks."""
        try:
            # Whatever breaks it: the next look lists, and says what is wrong.
            with contextlib.suppress(Exception):
                while self._is_wanted():
                    for line in self._watch(version):
                        with self._lock:
                            version = apply(self._found, json.loads(line))
        finally:
            with self._lock:
                self._watched = False

    def _is_wanted(self) -> bool:
        with self._lock:
            wanted, self._wanted = self._wanted, False
            return wanted


def documents(listing: bytes) -> tuple[list[Document], str]:
    """Return the items and the version of a list, from the JSON of the API's answer."""
    answer: dict[str, Any] = json.loads(listing)
    return answer["items"], str(answer["metadata"]["resourceVersion"])
