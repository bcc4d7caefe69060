"""Whole statements: SQL text, a session, real loopback HTTP, rows."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from tests.support.http_server import Reply, Seen
from tests.support.shop import Shop, item, open_shop

from tablecloud.errors import (
    Cancelled,
    NotSupported,
    QueryFailed,
    RemoteDenied,
    RemoteRefused,
    SettingError,
    UnknownColumn,
)

LIST = "SELECT {} FROM acme.shop.items WHERE shop = 's1'"


def threads() -> set[str]:
    return {t.name for t in threading.enumerate() if t.name.startswith("tablecloud")}


def test_rows_of_all_pages_arrive_typed(tmp_path: Path) -> None:
    with open_shop(tmp_path, Shop(25)) as (session, server):
        result = session.execute(LIST.format("count(*), sum(stock), max(price), min(made), bool_or(fresh)"))
        rows = result.fetchall()
        assert len(server.seen) == 3
    assert rows[0][:3] == (25, 3000, 6.0)
    assert rows[0][3].isoformat() == "2024-01-01T03:04:05+00:00"
    assert rows[0][4] is True
    assert [c.type for c in result.columns][:3] == ["BIGINT", "HUGEINT", "DOUBLE"]
    assert (result.stats.calls, result.stats.pages) == (1, 3)
    assert result.notices == []
    assert threads() == set()


def test_nested_values_are_json_that_sql_can_read(tmp_path: Path) -> None:
    with open_shop(tmp_path, Shop(3)) as (session, _):
        result = session.execute(LIST.format("detail->>'size', tags, typeof(detail)") + " ORDER BY id")
        assert result.fetchall()[1] == ("1", '["a", 1]', "JSON")


def test_parameters_are_columns(tmp_path: Path) -> None:
    shop = Shop(2)
    shop.shops["s2"] = [item(7)]
    with open_shop(tmp_path, shop) as (session, _):
        sql = "SELECT shop, count(*) FROM acme.shop.items WHERE shop IN ('s1', 's2') GROUP BY 1 ORDER BY 1"
        assert session.execute(sql).fetchall() == [("s1", 2), ("s2", 1)]


def test_prepared_values_bind(tmp_path: Path) -> None:
    with open_shop(tmp_path, Shop(4)) as (session, server):
        sql = "SELECT id FROM acme.shop.items WHERE shop = $1 AND stock >= $2 ORDER BY id"
        assert session.execute(sql, ["s1", 20]).fetchall() == [("i2",), ("i3",)]
        assert server.seen[0].path == "/v1/shops/s1/items"


def test_limit_stops_paging(tmp_path: Path) -> None:
    with open_shop(tmp_path, Shop(500)) as (session, server):
        assert len(session.execute(LIST.format("id") + " LIMIT 3").fetchall()) == 3
        # The page after the first may be on its way already; the other forty-eight are not.
        assert len(server.seen) <= 2


def test_a_dependent_scan_calls_once_a_distinct_value(tmp_path: Path) -> None:
    shop = Shop(2)
    shop.shops["s2"] = [item(7)]
    shop.shops["all"] = [item(n, name=name) for n, name in enumerate(["s1", "s2", "s1", None])]
    with open_shop(tmp_path, shop) as (session, server):
        sql = (
            "SELECT a.name, count(b.id) FROM acme.shop.items a JOIN acme.shop.items b ON b.shop = a.name "
            "WHERE a.shop = 'all' GROUP BY 1 ORDER BY 1"
        )
        assert session.execute(sql).fetchall() == [("s1", 4), ("s2", 1)]
        assert len(server.seen) == 3


def test_a_relation_read_twice_is_fetched_once(tmp_path: Path) -> None:
    with open_shop(tmp_path, Shop(12)) as (session, server):
        sql = (
            "WITH t AS (SELECT id FROM acme.shop.items WHERE shop = 's1') "
            "SELECT count(*) FROM t a JOIN t b USING (id)"
        )
        assert session.execute(sql).fetchall() == [(12,)]
        assert len(server.seen) == 2


def test_a_missing_key_is_no_row_and_a_notice(tmp_path: Path) -> None:
    with open_shop(tmp_path, Shop(1)) as (session, _):
        result = session.execute("SELECT id FROM acme.shop.items WHERE shop = 's1' AND itemsId = 'gone'")
        assert result.fetchall() == []
        assert [(n.severity, n.status) for n in result.notices] == [("info", 404)]
        assert result.failure is None


def test_a_failed_call_among_others_is_a_notice_and_a_failure(tmp_path: Path) -> None:
    shop = Shop(2)
    shop.denied = {"s9"}
    with open_shop(tmp_path, shop) as (session, _):
        result = session.execute("SELECT id FROM acme.shop.items WHERE shop IN ('s1', 's9')")
        assert len(result.fetchall()) == 2
        assert [(n.severity, n.arguments, n.status) for n in result.notices] == [
            ("error", {"shop": "s9"}, 403)
        ]
        assert isinstance(result.failure, RemoteDenied)


@pytest.mark.parametrize("sql", ["id", "count(*)"])
def test_a_statement_all_of_whose_calls_failed_is_an_error(tmp_path: Path, sql: str) -> None:
    shop = Shop(2)
    shop.denied = {"s8", "s9"}
    with open_shop(tmp_path, shop) as (session, _):
        with pytest.raises(RemoteDenied):
            session.execute(f"SELECT {sql} FROM acme.shop.items WHERE shop IN ('s8', 's9')").fetchall()
        session.on_error = session.on_error.IGNORE
        result = session.execute(f"SELECT {sql} FROM acme.shop.items WHERE shop IN ('s8', 's9')")
        result.fetchall()
        assert len(result.notices) == 2
        assert result.failure is None


@pytest.mark.parametrize("tail", ["LIMIT 2", "AND price >= 0 LIMIT 2"])
def test_rows_of_a_call_that_was_left_early_are_no_failure(tmp_path: Path, tail: str) -> None:
    shop = Shop(500)
    shop.denied = {"s9"}
    with open_shop(tmp_path, shop) as (session, _):
        result = session.execute(f"SELECT id FROM acme.shop.items WHERE shop IN ('s9', 's1') {tail}")
        assert len(result.fetchall()) == 2


def test_a_call_that_fails_on_its_second_page_has_failed(tmp_path: Path) -> None:
    class Breaking(Shop):
        def __call__(self, seen: Seen) -> Reply:
            return Reply(status=400) if "pageToken" in seen.query else super().__call__(seen)

    with open_shop(tmp_path, Breaking(25)) as (session, _):
        with pytest.raises(RemoteRefused):
            session.execute(LIST.format("count(*)")).fetchall()
        session.on_error = session.on_error.IGNORE
        result = session.execute(LIST.format("count(*)"))
        assert result.fetchall() == [(10,)]
        assert result.notices[0].severity == "error"


def test_strict_fails_at_the_first_failure(tmp_path: Path) -> None:
    shop = Shop(2)
    shop.denied = {"s9"}
    with open_shop(tmp_path, shop, on_error="strict") as (session, _), pytest.raises(RemoteDenied):
        session.execute("SELECT id FROM acme.shop.items WHERE shop IN ('s1', 's9')").fetchall()


def test_a_body_that_is_not_json_is_a_failure(tmp_path: Path) -> None:
    shop = Shop(2)
    shop.body["s2"] = b"<html>sign in</html>"
    with open_shop(tmp_path, shop) as (session, _):
        result = session.execute("SELECT id FROM acme.shop.items WHERE shop IN ('s1', 's2')")
        assert len(result.fetchall()) == 2
        assert "not JSON" in result.notices[0].message


def test_values_of_another_type_become_null_and_a_warning(tmp_path: Path) -> None:
    shop = Shop(0)
    shop.shops["s1"] = [item(1), item(2, stock="many"), item(3, stock=True, made="soon", name=5)]
    with open_shop(tmp_path, shop) as (session, _):
        result = session.execute(LIST.format("id, stock, made IS NULL, name"))
        rows = result.fetchall()
        assert [row[1:] for row in rows] == [
            (10, False, "thing 1"),
            (None, False, "thing 2"),
            (None, True, "5"),
        ]
        assert {(n.severity, n.message.split(" are")[0]) for n in result.notices} == {
            ("warning", "2 value(s) of column stock"),
            ("warning", "1 value(s) of column made"),
        }


def test_leaving_early_ends_the_calls(tmp_path: Path) -> None:
    with open_shop(tmp_path, Shop(5000)) as (session, server):
        with session.execute(LIST.format("id")) as result:
            next(result.rows())
        assert "tablecloud-query" not in threads()
        assert len(server.seen) < 500
        assert session.execute(LIST.format("count(*)")).fetchall() == [(5000,)]


def test_cancel_from_another_thread_ends_a_waiting_statement(tmp_path: Path) -> None:
    shop = Shop(3)
    shop.delay = 60.0
    with open_shop(tmp_path, shop) as (session, server):
        result = session.execute(LIST.format("id"))

        def cancel() -> None:
            server.wait_until(lambda s: s.in_flight == 1)
            session.cancel()

        canceller = threading.Thread(target=cancel)
        canceller.start()
        with pytest.raises(Cancelled):
            result.fetchall()
        canceller.join()
        assert server.wait_until(lambda s: s.in_flight == 0)
    assert threads() == set()


def test_cancel_ends_a_query_that_only_computes(tmp_path: Path) -> None:
    with open_shop(tmp_path, Shop(1)) as (session, _):
        result = session.execute("SELECT sum(a.range * b.range) FROM range(100000000) a, range(1000000) b")
        canceller = threading.Thread(target=session.cancel)
        canceller.start()
        with pytest.raises(Cancelled):
            result.fetchall()
        canceller.join()


def test_mistakes_in_sql_are_errors_of_sql(tmp_path: Path) -> None:
    with open_shop(tmp_path, Shop(1)) as (session, server):
        with pytest.raises(UnknownColumn):
            session.execute(LIST.format("nothing"))
        with pytest.raises(QueryFailed):
            session.execute(LIST.format("name::INTEGER")).fetchall()
        with pytest.raises(NotSupported):
            session.execute("SELECT 1; SELECT 2")
        assert session.execute("").fetchall() == []
        assert len(server.seen) == 1


def test_a_script_runs_statement_by_statement(tmp_path: Path) -> None:
    with open_shop(tmp_path, Shop(1)) as (session, _):
        results = [
            (r.message, r.fetchall())
            for r in session.run("USE acme; SELECT count(*) FROM shop.items WHERE shop = 's1';")
        ]
        assert results[1] == ("", [(1,)])
        assert session.provider == "acme"


def test_set_changes_the_modes(tmp_path: Path) -> None:
    with open_shop(tmp_path, Shop(1)) as (session, _):
        session.execute("SET on_error = 'strict'")
        assert session.on_error.value == "strict"
        with pytest.raises(SettingError):
            session.execute("SET nothing = 1")


@pytest.mark.parametrize(
    ("limits", "count"), [({"page_limit": 2}, 20), ({"row_limit": 15}, 15), ({"row_limit": 10}, 10)]
)
def test_what_the_settings_cut_off_is_a_notice(tmp_path: Path, limits: dict[str, int], count: int) -> None:
    with open_shop(tmp_path, Shop(500), **limits) as (session, _):
        result = session.execute(LIST.format("id"))
        assert len(result.fetchall()) == count
        assert [n.severity for n in result.notices] == ["warning"]
        assert "cut off" in result.notices[0].message


def test_a_dry_run_sends_nothing(tmp_path: Path) -> None:
    with open_shop(tmp_path, Shop(1), dry_run=True) as (session, server):
        rows = session.execute("SELECT id FROM acme.shop.items WHERE shop IN ('s1', 's2')").fetchall()
        assert [row[0].split("/v1/")[1] for row in rows] == ["shops/s1/items", "shops/s2/items"]
        sql = "INSERT INTO acme.shop.items(shop, id, detail) VALUES ('s1', 'n', '{\"a\": 1}')"
        assert session.execute(sql).fetchall()[0][1] == '{"id":"n","detail":{"a": 1}}'
        assert server.seen == []
