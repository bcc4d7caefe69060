"""A small cloud service to run statements against: `acme.shop.items`, over real loopback HTTP.

Lists come in pages of `Shop.page` items; `color` is a field of an item and a query parameter that filters.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.http_server import HttpServer, Reply, Seen, json_reply

from tablecloud.catalog.model import (
    Acceptor,
    Column,
    Form,
    Location,
    LongRunning,
    Method,
    Pagination,
    Parameter,
    Resource,
    Verb,
)
from tablecloud.errors import UnknownResource
from tablecloud.rest.retry import RetryPolicy
from tablecloud.session import Runtime, RuntimeSettings, Session
from tablecloud.sqltypes import SqlType


def _column(name: str, type_: SqlType, json_type: str, format_: str = "") -> Column:
    return Column(name=name, path=(name,), type=type_, json_type=json_type, format=format_)


ITEM = (
    _column("id", SqlType.VARCHAR, "string"),
    _column("name", SqlType.VARCHAR, "string"),
    _column("price", SqlType.DOUBLE, "number"),
    _column("stock", SqlType.BIGINT, "string", "int64"),
    _column("made", SqlType.TIMESTAMP, "string", "google-datetime"),
    _column("tags", SqlType.JSON, "array"),
    _column("detail", SqlType.JSON, "object"),
    _column("fresh", SqlType.BOOLEAN, "boolean"),
    _column("state", SqlType.VARCHAR, "string"),
    _column("color", SqlType.VARCHAR, "string"),
)
SHOP = Parameter(name="shop", wire="shop", location=Location.PATH, required=True)
ITEM_ID = Parameter(name="itemsId", wire="itemsId", location=Location.PATH, required=True)
COLOR = Parameter(name="color", wire="color", location=Location.QUERY)
TOKEN = Parameter(name="pageToken", wire="pageToken", location=Location.QUERY)
ALL, ONE = "v1/shops/{shop}/items", "v1/shops/{shop}/items/{itemsId}"
IDENTITY = {"id": "itemsId"}
WAIT = LongRunning(
    poll="v1/shops/{shop}/items/{id}",
    acceptors=(
        Acceptor(path=("state",), values=("READY",)),
        Acceptor(path=("state",), values=("BROKEN",), success=False),
    ),
    progress=("state",),
)


def _method(name: str, verb: Verb, http: str, path: str, *parameters: Parameter, **more: Any) -> Method:
    return Method(
        name=name, id=f"shop.items.{name}", verb=verb, http=http, path=path, parameters=parameters, **more
    )


ITEMS = Resource(
    provider="acme",
    service="shop",
    name="items",
    form=Form.TABLE,
    root_url="https://shop.example.com/",
    methods=(
        _method("get", Verb.SELECT, "GET", ONE, SHOP, ITEM_ID, columns=ITEM, identity=IDENTITY),
        _method(
            "list",
            Verb.SELECT,
            "GET",
            ALL,
            SHOP,
            COLOR,
            TOKEN,
            columns=ITEM,
            items=("items",),
            pagination=Pagination(request="pageToken", response=("nextPageToken",)),
            identity=IDENTITY,
        ),
        _method("create", Verb.INSERT, "POST", ALL, SHOP, body=ITEM, columns=ITEM, long_running=WAIT),
        _method("delete", Verb.DELETE, "DELETE", ONE, SHOP, ITEM_ID),
        _method("patch", Verb.UPDATE, "PATCH", ONE, SHOP, ITEM_ID, body=ITEM, columns=ITEM),
        _method("restock", Verb.EXEC, "POST", ONE + ":restock", SHOP, ITEM_ID, body=ITEM),
    ),
)


class ShopCatalog:
    """A catalog of one resource."""

    def auth_defaults(self) -> dict[str, str]:
        return {}

    def providers(self) -> list[str]:
        return ["acme"]

    def resource(self, path: Sequence[str]) -> Resource:
        if ".".join(path).lower() != ITEMS.id:
            raise UnknownResource(f"there is no {'.'.join(path)}")
        return ITEMS

    def method(self, path: Sequence[str]) -> tuple[Resource, list[Method]]:
        resource = self.resource(path[:-1])
        return resource, [m for m in resource.methods if m.name == path[-1]]

    def close(self) -> None:
        pass


def item(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"i{number}",
        "name": f"thing {number}",
        "price": number / 4,
        "stock": str(number * 10),
        "made": f"2024-01-{number % 28 + 1:02}T03:04:05Z",
        "tags": ["a", number],
        "detail": {"size": number, "x": None},
        "fresh": number % 2 == 0,
        "state": "READY",
        **more,
    }


class Shop:
    """The other side: what it has, and how it misbehaves."""

    def __init__(self, count: int = 25) -> None:
        self.shops: dict[str, list[dict[str, Any]]] = {"s1": [item(n) for n in range(count)]}
        self.page = 10
        self.denied: set[str] = set()
        """Shops that answer 403."""
        self.taken: set[str] = set()
        """Ids whose creation answers 409."""
        self.body: dict[str, bytes] = {}
        """Shop -> what its list answers instead of its items."""
        self.delay = 0.0
        self.born = "READY"
        """State of a new item."""
        self.created: list[dict[str, Any]] = []
        self.lock = threading.Lock()

    def __call__(self, seen: Seen) -> Reply:
        found = re.fullmatch(r"/v1/shops/([^/]+)/items(?:/([^/:]+))?(:restock)?", seen.path)
        assert found, seen.path
        shop, key, custom = found.groups()
        if shop in self.denied:
            return _failure(403, "PERMISSION_DENIED", f"no entry to {shop}")
        if custom:
            return Reply()
        with self.lock:
            if seen.http == "POST":
                return self._create(shop, json.loads(seen.body))
            return self._one(seen, shop, key) if key else self._list(seen, shop)

    def _list(self, seen: Seen, shop: str) -> Reply:
        if shop in self.body:
            return Reply(body=self.body[shop])
        items = self.shops.get(shop)
        if items is None:
            return _failure(404, "NOT_FOUND", f"no shop {shop}")
        if "color" in seen.query:
            items = [i for i in items if i.get("color") == seen.query["color"]]
        start = int(seen.query.get("pageToken") or 0)
        answer: dict[str, Any] = {"items": items[start : start + self.page]}
        if start + self.page < len(items):
            answer["nextPageToken"] = str(start + self.page)
        return json_reply(answer, delay=self.delay)

    def _one(self, seen: Seen, shop: str, key: str) -> Reply:
        found = next((i for i in self.shops.get(shop, []) if i["id"] == key), None)
        if found is None:
            return _failure(404, "NOT_FOUND", f"no item {key}")
        if seen.http == "DELETE":
            self.shops[shop].remove(found)
            return Reply()
        if seen.http == "PATCH":
            found.update(json.loads(seen.body))
        return json_reply(found)

    def _create(self, shop: str, made: dict[str, Any]) -> Reply:
        if made.get("id") in self.taken:
            return _failure(409, "ALREADY_EXISTS", f"{made['id']} exists")
        self.created.append(dict(made))
        answer = {**made, "state": self.born}
        self.shops.setdefault(shop, []).append(answer)
        return json_reply(answer)


def _failure(status: int, code: str, message: str) -> Reply:
    body = json.dumps({"error": {"code": status, "status": code, "message": message}}).encode()
    return Reply(status=status, body=body)


@contextmanager
def open_shop(root: Path, shop: Shop, **modes: Any) -> Iterator[tuple[Session, HttpServer]]:
    """Serve a shop and open a session on it; nothing is left behind."""
    with HttpServer(shop) as server:
        settings = RuntimeSettings(
            approot=root,
            endpoints={"acme.shop": server.url},
            retry=RetryPolicy(tries=2, first_delay=0.0, longest_delay=0.0),
            page_limit=modes.pop("page_limit", 0),
            row_limit=modes.pop("row_limit", 0),
        )
        runtime = Runtime(settings, catalog=ShopCatalog())  # type: ignore[arg-type]
        with Session(runtime, owns_runtime=True, **modes) as session:
            yield session, server
