"""Mutations over real loopback HTTP: one call a row, and the truth about each."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from tests.support.shop import Shop, open_shop

from tablecloud.errors import Cancelled, InvalidValue, RemoteDenied, RemoteRefused
from tablecloud.rest.messages import Progress

INSERT = "INSERT INTO acme.shop.items(shop, id, name) "


def test_insert_makes_one_call_a_row_in_order(tmp_path: Path) -> None:
    shop = Shop(0)
    with open_shop(tmp_path, shop) as (session, _):
        result = session.execute(INSERT + "VALUES ('s1', 'a', 'x'), ('s1', 'b', NULL)")
        assert result.message == "2 rows inserted: shops/s1/items/a (READY), shops/s1/items/b (READY)"
        assert result.columns == ()
    assert sorted(shop.created, key=lambda i: i["id"]) == [{"id": "a", "name": "x"}, {"id": "b"}]


def test_body_values_are_typed_by_the_schema(tmp_path: Path) -> None:
    shop = Shop(0)
    columns = "shop, id, stock, price, tags, detail, fresh, made"
    values = "'s1', 7, 12, '1.5', '[1, 2]', '{\"a\": {\"b\": 1}}', 'true', TIMESTAMPTZ '2024-01-02 03:04:05Z'"
    with open_shop(tmp_path, shop) as (session, _):
        session.execute(f"INSERT INTO acme.shop.items({columns}) SELECT {values}")
    assert shop.created == [
        {
            "id": "7",
            "stock": "12",
            "price": 1.5,
            "tags": [1, 2],
            "detail": {"a": {"b": 1}},
            "fresh": True,
            "made": "2024-01-02T03:04:05Z",
        }
    ]


def test_a_row_that_cannot_be_sent_stops_the_statement_before_the_first_call(tmp_path: Path) -> None:
    with open_shop(tmp_path, Shop(0)) as (session, server):
        with pytest.raises(InvalidValue, match="detail takes JSON"):
            session.execute(
                "INSERT INTO acme.shop.items(shop, id, detail) VALUES ('s1', 'a', '{}'), ('s1', 'b', 'x')"
            )
        with pytest.raises(InvalidValue, match="shop is NULL"):
            session.execute("INSERT INTO acme.shop.items(shop, id) SELECT NULL::VARCHAR, 'x'")
        assert server.seen == []


def test_returning_selects_from_the_answers(tmp_path: Path) -> None:
    with open_shop(tmp_path, Shop(0)) as (session, _):
        result = session.execute(INSERT + "VALUES ('s1', 'a', 'x') RETURNING id || '!' AS k, state, shop")
        assert [c.name for c in result.columns] == ["k", "state", "shop"]
        assert result.fetchall() == [("a!", "READY", "s1")]


def test_after_a_failure_no_more_rows_are_tried(tmp_path: Path) -> None:
    shop = Shop(0)
    shop.taken = {"r6"}
    with open_shop(tmp_path, shop) as (session, server):
        result = session.execute(INSERT + "SELECT 's1', 'r' || i, 'x' FROM range(40) t(i)")
        tried = len(server.seen)
        assert 7 <= tried < 40
        assert result.message.startswith(f"{tried - 1} done, 1 failed, {40 - tried} not tried")
        assert result.notices[0].message.startswith("row 7: ")
        assert f"rows {tried + 1} to 40 were not tried" in result.notices[1].message
        assert isinstance(result.failure, RemoteRefused)
    assert len(shop.created) == tried - 1


def test_strict_raises_and_says_what_was_done(tmp_path: Path) -> None:
    shop = Shop(0)
    shop.taken = {"r1"}
    with (
        open_shop(tmp_path, shop, on_error="strict") as (session, _),
        pytest.raises(RemoteRefused, match=r"\(1 done, 1 failed, 0 not tried\)"),
    ):
        session.execute(INSERT + "SELECT 's1', 'r' || i, 'x' FROM range(2) t(i)")


def test_a_lone_failed_call_is_an_error(tmp_path: Path) -> None:
    shop = Shop(0)
    shop.taken = {"a"}
    with open_shop(tmp_path, shop) as (session, _), pytest.raises(RemoteRefused):
        session.execute(INSERT + "VALUES ('s1', 'a', 'x')")


def test_a_mutation_is_never_sent_twice(tmp_path: Path) -> None:
    class Broken(Shop):
        def __call__(self, seen):  # type: ignore[no-untyped-def]
            from tests.support.http_server import Reply

            return Reply(reset=True)

    with open_shop(tmp_path, Broken(0)) as (session, server):
        with pytest.raises(Exception, match="create"):
            session.execute(INSERT + "VALUES ('s1', 'a', 'x')")
        assert len(server.seen) == 1


def test_a_source_that_lacks_rows_writes_nothing(tmp_path: Path) -> None:
    shop = Shop(2)
    shop.denied = {"s9"}
    with open_shop(tmp_path, shop) as (session, _), pytest.raises(RemoteDenied):
        session.execute(INSERT + "SELECT 's2', id, name FROM acme.shop.items WHERE shop IN ('s1', 's9')")
    assert shop.created == []


def test_an_empty_source_makes_no_call(tmp_path: Path) -> None:
    with open_shop(tmp_path, Shop(0)) as (session, server):
        assert session.execute(INSERT + "SELECT 's1', 'a', 'b' WHERE false").message == "0 rows inserted"
        assert server.seen == []


def test_update_and_delete_by_key(tmp_path: Path) -> None:
    shop = Shop(3)
    with open_shop(tmp_path, shop) as (session, server):
        where = "WHERE shop = 's1' AND itemsId = 'i1'"
        result = session.execute(f"UPDATE acme.shop.items SET name = 'new', stock = NULL {where}")
        assert result.message == "1 row updated: shops/s1/items/i1 (READY)"
        assert json.loads(server.seen[-1].body) == {"name": "new", "stock": None}
        assert (
            session.execute(f"DELETE FROM acme.shop.items {where}").message
            == "1 row deleted: shops/s1/items/i1"
        )
    assert [i["id"] for i in shop.shops["s1"]] == ["i0", "i2"]


def test_exec_returns_the_answer_or_says_that_it_is_done(tmp_path: Path) -> None:
    with open_shop(tmp_path, Shop(3)) as (session, _):
        rows = session.execute("EXEC acme.shop.items.get @shop = 's1', @itemsId = 'i2'")
        names = [c.name for c in rows.columns]
        assert dict(zip(names, rows.fetchall()[0], strict=True))["name"] == "thing 2"
        result = session.execute("EXEC acme.shop.items.restock @shop = 's1', @itemsId = 'i2'")
        assert (result.columns, result.message) == ((), "acme.shop.items.restock done: shops/s1/items/i2")


def test_await_polls_to_the_end_and_tells_progress(tmp_path: Path) -> None:
    shop = Shop(0)
    shop.born = "MAKING"
    told: list[str] = []

    def progress(each: Progress) -> None:
        told.append(each.word)
        shop.shops["s1"][0]["state"] = "READY"

    with open_shop(tmp_path, shop, progress=progress) as (session, _):
        result = session.execute(
            "INSERT /*+ AWAIT */ INTO acme.shop.items(shop, id) VALUES ('s1', 'a') RETURNING id, state"
        )
        assert result.fetchall() == [("a", "READY")]
    assert told


def test_cancel_says_what_is_known(tmp_path: Path) -> None:
    shop = Shop(0)
    shop.born = "MAKING"
    with open_shop(tmp_path, shop) as (session, server):

        def cancel() -> None:
            server.wait_until(lambda s: len(s.seen) >= 2)
            session.cancel()

        canceller = threading.Thread(target=cancel)
        canceller.start()
        with pytest.raises(Cancelled, match="1 begun and no longer waited for"):
            session.execute("INSERT /*+ AWAIT */ INTO acme.shop.items(shop, id) VALUES ('s1', 'a')")
        canceller.join()
