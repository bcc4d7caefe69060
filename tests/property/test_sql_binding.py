"""Whatever the predicates bind, the answer stays that of plain SQL over all rows.

The remote side is a Python list: a call returns the rows whose parameter columns have the arguments' values.
DuckDB, with all rows in real tables of the same names, says what is right.
"""

from __future__ import annotations

import random
from itertools import product
from typing import Any

import duckdb
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.support.sql_catalog import StubCatalog, columns, path, query

from tablecloud.catalog.model import Form, Method, Parameter, Resource, Verb
from tablecloud.errors import AmbiguousColumn, MissingParameter
from tablecloud.sql.names import Scope
from tablecloud.sql.parse import parse_script
from tablecloud.sql.plan import QueryPlan, Scan
from tablecloud.sql.planner import plan

FIELDS = {"a": "x y", "b": "x z", "c": "k q"}
PARAMETERS = {"a": "p", "b": "p", "c": "q"}
Data = dict[str, list[tuple[Any, ...]]]


def _table(name: str, parameters: tuple[Parameter, ...]) -> Resource:
    method = Method(
        name="list",
        id=f"t.{name}.list",
        verb=Verb.SELECT,
        http="GET",
        path=name,
        parameters=parameters,
        columns=columns(*FIELDS[name].split()),
    )
    return Resource(
        provider="google", service="t", name=name, form=Form.TABLE, root_url="https://t/", methods=(method,)
    )


# `a` and `b` need p, which their rows do not have; `c` takes q, which its rows have too.
CATALOG = StubCatalog(_table("a", path("p")), _table("b", path("p")), _table("c", (query("q"),)))
COLUMNS = {name: [*dict.fromkeys([PARAMETERS[name], *FIELDS[name].split()])] for name in FIELDS}

values = st.sampled_from(["1", "2", "3"])
_qualified = [f"{name}.{column}" for name in FIELDS for column in COLUMNS[name]]


def _data(seed: int) -> Data:
    """Return some rows a table: dense enough for joins to meet, with a NULL here and there."""
    chance = random.Random(seed)
    return {
        name: [
            (chance.choice("123"), *(chance.choice(["1", "2", "3", None]) for _ in COLUMNS[name][1:]))
            for _ in range(chance.randint(0, 9))
        ]
        for name in FIELDS
    }


def _columns_of(tables: list[str]) -> st.SearchStrategy[str]:
    return st.sampled_from([each for each in _qualified if each.split(".")[0] in tables])


def _bindings(tables: list[str]) -> st.SearchStrategy[str]:
    literal = values.map(lambda value: f"'{value}'")
    parameter = st.sampled_from([f"{name}.{PARAMETERS[name]}" for name in tables])
    return st.one_of(
        st.builds("{} = {}".format, parameter, literal),
        st.builds("{} IN ({}, {})".format, parameter, literal, literal),
        st.builds("({0} = {1} OR {0} = {2})".format, parameter, literal, literal),
        st.builds("{} = {}".format, parameter, _columns_of(tables)),
    )


def _filters(tables: list[str]) -> st.SearchStrategy[str]:
    column = _columns_of(tables)
    literal = values.map(lambda value: f"'{value}'")
    parameter = st.sampled_from([f"{name}.{PARAMETERS[name]}" for name in tables])
    return st.one_of(
        st.builds("{} = {}".format, literal, column),
        st.builds("{} = {}".format, column, column),
        st.builds("lower({}) = {}".format, column, parameter),
        st.builds("{} <> {}".format, column, literal),
        st.builds("{} IS NULL".format, column),
        st.builds("NOT ({} = {})".format, column, literal),
        st.builds("{} IS NOT DISTINCT FROM {}".format, column, column),
    )


def _predicates(tables: list[str]) -> st.SearchStrategy[str]:
    bound = st.lists(_bindings(tables), min_size=0, max_size=2)
    return st.builds(lambda one, two: " AND ".join(one + two), bound, st.lists(_filters(tables), max_size=1))


JOINS = ["JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "SEMI JOIN", "ANTI JOIN", ","]


@st.composite
def froms(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Return a FROM clause and the tables that WHERE can see."""
    tables = draw(st.permutations(list(FIELDS)))[: draw(st.integers(1, 3))]
    text, inside, seen = f"google.t.{tables[0]}", [tables[0]], [tables[0]]
    for name in tables[1:]:
        join = draw(st.sampled_from(JOINS))
        if join == ",":
            text, seen = f"{text} CROSS JOIN google.t.{name}", [*seen, name]
            continue
        both = [*seen, name]
        shared = (
            set(COLUMNS[name]).intersection(*(COLUMNS[each] for each in seen)) if len(seen) == 1 else set()
        )
        if shared and draw(st.booleans()):
            condition = f"USING ({draw(st.sampled_from(sorted(shared)))})"
        else:
            condition = "ON " + (draw(_predicates(both)) or "true")
        text = f"{text} {join} google.t.{name} {condition}"
        if join not in ("SEMI JOIN", "ANTI JOIN"):
            seen = [*seen, name]
        inside.append(name)
    return text, seen


@st.composite
def statements(draw: st.DrawFn) -> str:
    text, seen = draw(froms())
    where = draw(_predicates(seen))
    # Without a value for p there is nothing to compare: give most statements one where it is due.
    for name in seen:
        if f"{name}.p" in " ".join(_qualified) and draw(st.integers(0, 3)) > 0:
            where = " AND ".join(filter(None, [where, f"{name}.p IN ('1', '2', '3')"]))
    subject = draw(_columns_of(seen))
    if draw(st.integers(0, 3)) == 0:
        other = draw(
            st.sampled_from([name for name in FIELDS if name not in text.replace("google.t.", "#")] or ["a"])
        )
        inner = f"s.{PARAMETERS[other]} = {subject}" + draw(
            st.sampled_from(["", f" AND s.{FIELDS[other][0]} = '1'"])
        )
        term = f"{draw(st.sampled_from(['', 'NOT ']))}EXISTS (SELECT 1 FROM google.t.{other} s WHERE {inner})"
        where = f"{where} AND {term}" if where else term
    chosen = ", ".join(dict.fromkeys([subject, draw(_columns_of(seen)), draw(_columns_of(seen))]))
    select = f"SELECT {chosen} FROM {text}" + (f" WHERE {where}" if where else "")
    if draw(st.integers(0, 5)) == 0:
        inner = f"SELECT {subject} AS v FROM {text}" + (f" WHERE {where}" if where else "")
        return f"WITH w AS ({inner}) SELECT count(*) FROM w m JOIN w n USING (v)"
    return select


def _answer(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return sorted(connection.execute(sql).fetchall(), key=repr)


def _create(
    connection: duckdb.DuckDBPyConnection, name: str, names: list[str], data: list[tuple[Any, ...]]
) -> None:
    held = ", ".join(str(row or (None,)).replace("None", "NULL").replace(",)", ")") for row in data)
    columns_ = ", ".join(f"{column} VARCHAR" for column in names) or "mark VARCHAR"
    connection.execute(f"CREATE OR REPLACE TABLE {name} ({columns_})")
    if held:
        connection.execute(f"INSERT INTO {name} VALUES {held}")


def _argument_sets(connection: duckdb.DuckDBPyConnection, scan: Scan) -> list[dict[str, Any]]:
    names = [binding.parameter for binding in scan.bindings] + [each.parameter for each in scan.dependent]
    fed: list[tuple[Any, ...]] = [()]
    if scan.dependent:
        sources = ", ".join(dict.fromkeys(f'"{each.relation}"' for each in scan.dependent))
        terms = ", ".join(each.expression for each in scan.dependent)
        fed = connection.execute(f"SELECT DISTINCT {terms} FROM {sources}").fetchall()
    heads = list(product(*(binding.values for binding in scan.bindings)))
    sets = [dict(zip(names, (*head, *tail), strict=True)) for head in heads for tail in fed]
    return [each for each in sets if None not in each.values()]


def _run(connection: duckdb.DuckDBPyConnection, data: Data, made: QueryPlan) -> list[tuple[Any, ...]]:
    for scan in made.scans:
        table = scan.resource.name
        names = list(dict.fromkeys([*(column.name for column in scan.columns), *scan.parameter_columns]))
        found = []
        for arguments in _argument_sets(connection, scan):
            for row in data[table]:
                held = dict(zip(COLUMNS[table], row, strict=True))
                if all(held[name] == value for name, value in arguments.items()):
                    found.append(tuple(held[name] for name in names))
        _create(connection, f'"{scan.relation}"', names, found)
    return _answer(connection, made.residual_sql)


def _engine() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": "1"})
    connection.execute("ATTACH ':memory:' AS google; CREATE SCHEMA google.t")
    return connection


ENGINE = _engine()


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**16), sql=statements())
def test_binding_never_changes_the_answer(seed: int, sql: str) -> None:
    data = _data(seed)
    try:
        made = plan(parse_script(sql)[0], Scope(catalog=CATALOG))
    except (MissingParameter, AmbiguousColumn):
        assume(False)
        raise
    assert isinstance(made, QueryPlan)
    for name, held in data.items():
        _create(ENGINE, f"google.t.{name}", COLUMNS[name], held)
    expected = _answer(ENGINE, sql)
    assert _run(ENGINE, data, made) == expected
