"""List and watch by hand: what the copy knows, and when it is listed anew."""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator
from typing import Any

import pytest

from tablecloud.jobs.executors import kubernetes_mirror
from tablecloud.jobs.executors.kubernetes_mirror import Mirror, Stale, apply


def pod(name: str, version: int, **more: Any) -> dict[str, Any]:
    return {"metadata": {"uid": name, "name": name, "resourceVersion": str(version)}, **more}


def test_events_change_the_copy() -> None:
    found = {"a": pod("a", 1)}
    assert apply(found, {"type": "ADDED", "object": pod("b", 2)}) == "2"
    assert apply(found, {"type": "MODIFIED", "object": pod("a", 3, status="x")}) == "3"
    assert apply(found, {"type": "DELETED", "object": pod("b", 4)}) == "4"
    assert apply(found, {"type": "DELETED", "object": pod("never", 5)}) == "5"
    assert apply(found, {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}}) == "9"
    assert found == {"a": pod("a", 3, status="x")}


@pytest.mark.parametrize("kind", ["ERROR", "SOMETHING_NEW"])
def test_what_is_no_event_makes_the_copy_stale(kind: str) -> None:
    with pytest.raises(Stale):
        apply({}, {"type": kind, "object": {"code": 410}})


class Cluster:
    """Lists and watches whose answers a test puts into queues; None ends a watch, an error breaks it."""

    def __init__(self) -> None:
        self.items = [pod("a", 1)]
        self.lists = 0
        self.begun: queue.Queue[str] = queue.Queue()
        self.events: queue.Queue[Any] = queue.Queue()
        self.mirror = Mirror("test", self.list, self.watch)

    def list(self) -> tuple[list[dict[str, Any]], str]:
        self.lists += 1
        return self.items, "1"

    def watch(self, version: str) -> Iterator[bytes]:
        self.begun.put(version)
        while (event := self.events.get(timeout=10)) is not None:
            if isinstance(event, Exception):
                raise event
            yield json.dumps(event).encode()

    def names(self) -> list[str]:
        return [one["metadata"]["name"] for one in self.mirror.look()]

    def until(self, wanted: list[str]) -> None:
        while self.names() != wanted:
            pass


def test_a_watch_goes_on_where_the_last_one_ended_while_somebody_looks() -> None:
    cluster = Cluster()
    assert cluster.names() == ["a"]
    assert cluster.begun.get(timeout=10) == "1"
    cluster.events.put({"type": "ADDED", "object": pod("b", 7)})
    cluster.until(["a", "b"])
    cluster.events.put(None)
    assert cluster.begun.get(timeout=10) == "7"
    assert cluster.lists == 1
    cluster.events.put(None)


def test_nobody_looks_and_the_watch_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubernetes_mirror, "LIST_AGAIN_SECONDS", 0.0)
    cluster = Cluster()
    cluster.mirror.look()
    for _ in range(2):  # the first look asked for two watches at most
        cluster.events.put(None)
    while cluster.mirror._watched:
        pass
    assert cluster.begun.qsize() <= 2
    cluster.mirror.look()
    assert cluster.lists == 2
    cluster.events.put(None)
    cluster.events.put(None)


def test_a_broken_watch_makes_the_next_look_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubernetes_mirror, "LIST_AGAIN_SECONDS", 0.0)
    cluster = Cluster()
    cluster.mirror.look()
    cluster.items = [pod("c", 8)]
    cluster.events.put(ConnectionResetError("gone"))
    cluster.until(["c"])
    assert cluster.lists == 2
    cluster.events.put(None)
    cluster.events.put(None)
