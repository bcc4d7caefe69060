"""A remote filter can only save work: rows with pushdown are the rows of the same SQL over all the data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.http_server import HttpServer
from tests.support.shop import Shop, item, open_shop

from tablecloud.duck import Database
from tablecloud.session import Session

SHOPS = ("s0", "s1", "s2")
COLORS = ("red", "blue", None)

items = st.lists(
    st.builds(
        lambda number, color, stock: item(number, color=color, stock=stock),
        st.integers(0, 9),
        st.sampled_from(COLORS),
        st.sampled_from(["5", "0", None]),
    ),
    max_size=6,
)
stocks = st.fixed_dictionaries(dict.fromkeys(SHOPS, items))
colors = st.sampled_from([f"'{c}'" for c in ("red", "blue", "none of these")] + ["NULL"])
plain = st.one_of(
    st.builds("color = {}".format, colors),
    st.builds("{} = color".format, colors),
    st.builds("color <> {}".format, colors),
    st.builds("color IN ({}, {})".format, colors, colors),
    st.builds("color NOT IN ({})".format, colors),
    st.builds("(color = {} OR color = {})".format, colors, colors),
    st.builds("NOT (color = {})".format, colors),
    st.builds("(color = {} OR stock > 3)".format, colors),
    st.builds("coalesce(color, 'red') = {}".format, colors),
    st.sampled_from(
        ["color IS NULL", "stock > 3", "stock IS NULL", "fresh", "name LIKE '%3%'", "color = state"]
    ),
)
shop_terms = st.one_of(
    st.builds("shop = '{}'".format, st.sampled_from(SHOPS)),
    st.builds("shop IN ('{}', '{}')".format, st.sampled_from(SHOPS), st.sampled_from(SHOPS)),
    st.builds("(shop = '{}' OR '{}' = shop)".format, st.sampled_from(SHOPS), st.sampled_from(SHOPS)),
)
where = st.builds(lambda first, rest: " AND ".join([first, *rest]), shop_terms, st.lists(plain, max_size=3))
shapes = st.sampled_from(
    [
        "SELECT shop, id, color, stock, fresh FROM {table} WHERE {where}",
        "SELECT count(*), sum(stock), count(DISTINCT color) FROM {table} WHERE {where}",
        "SELECT color, count(*) FROM {table} t WHERE {where} GROUP BY color HAVING count(*) > 1",
        "SELECT * FROM (SELECT DISTINCT shop, color FROM {table} WHERE {where}) WHERE color = 'red'",
        "WITH t AS (SELECT * FROM {table} WHERE {where}) SELECT a.id, b.color FROM t a JOIN t b USING (id)",
        "SELECT a.id, b.id FROM {table} a LEFT JOIN {table} b ON b.shop = 's1' AND a.color = b.color "
        "WHERE a.shop = 's0'",
        "SELECT a.id, b.id FROM {table} a JOIN {table} b ON a.shop = b.shop AND b.color = 'red' "
        "WHERE a.shop IN ('s0', 's2')",
        "SELECT id FROM {table} WHERE {where} "
        "UNION ALL SELECT id FROM {table} WHERE shop = 's2' AND color = 'blue'",
    ]
)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, Session, HttpServer]]:
    shop = Shop(0)
    shop.page = 2
    with open_shop(tmp_path_factory.mktemp("root"), shop) as (session, server):
        yield shop, session, server


def all_rows(shops: dict[str, list[dict[str, Any]]]) -> str:
    """The same data as a relation of DuckDB alone."""
    selects = [
        "SELECT '' AS shop, '' AS id, '' AS name, '' AS color, 0::BIGINT AS stock, true AS fresh, "
        "'' AS state WHERE false"
    ]
    for shop, held in shops.items():
        for each in held:
            texts = [shop, each["id"], each["name"], each["color"], each["stock"]]
            cells = ["NULL" if text is None else f"'{text}'" for text in texts]
            selects.append(f"SELECT {', '.join(cells)}::BIGINT, {each['fresh']}, '{each['state']}'")
    return " UNION ALL ".join(selects)


def key(row: tuple[Any, ...]) -> str:
    return repr(row)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(held=stocks, shape=shapes, condition=where)
def test_pushdown_never_changes_the_answer(
    opened: tuple[Shop, Session, HttpServer],
    held: dict[str, list[dict[str, Any]]],
    shape: str,
    condition: str,
) -> None:
    shop, session, _ = opened
    shop.shops = held
    sql = shape.format(table="acme.shop.items", where=condition)
    result = session.execute(sql)
    found = sorted(result.fetchall(), key=key)
    assert [n for n in result.notices if n.severity == "error"] == []
    database = Database()
    try:
        database.run(f"CREATE TEMP TABLE everything AS {all_rows(held)}")
        rows = database.query(shape.format(table="everything", where=condition))
        wanted = [
            row
            for batch in rows.batches
            for row in zip(*(batch.column(i).to_pylist() for i in range(batch.num_columns)), strict=True)
        ]
    finally:
        database.close()
    assert found == sorted(wanted, key=key), sql


def test_the_remote_side_did_filter(opened: tuple[Shop, Session, HttpServer]) -> None:
    shop, session, server = opened
    shop.shops = {"s1": [item(1, color="red"), item(2, color="blue")]}
    session.execute("SELECT id FROM acme.shop.items WHERE shop = 's1' AND color = 'red'").fetchall()
    assert server.seen[-1].query == {"color": "red"}
