"""Statements on a registry package: a session, an installed package, real loopback HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.http_server import HttpServer, Reply, Seen, json_reply
from tests.support.registry_documents import package, write_registry

from tablecloud.auth.spec import AuthSpec
from tablecloud.errors import CredentialError, MissingParameter, NotSupported, SqlError, UnknownProvider
from tablecloud.rest.retry import RetryPolicy
from tablecloud.session import Runtime, RuntimeSettings, Session

OLD, NEW = "v26.01.00001", "v26.01.00010"
INVOICES = [{"id": f"i{n}", "amount": n / 2, "customer": {"name": f"c{n}"}} for n in range(3)]


def respond(seen: Seen) -> Reply:
    if seen.path.endswith("/invoices") and seen.http == "GET":
        number = int(seen.query.get("after", 0))
        more = {"nextLink": f"{seen.path}?after={number + 1}"} if number < 2 else {}
        return json_reply({"items": [INVOICES[number]], **more})
    if seen.path.endswith("/invoices"):
        return json_reply({"id": "new", **json.loads(seen.body)})
    if "/invoices/" in seen.path:
        return json_reply(INVOICES[1])
    if seen.path == "/search":
        asked = json.loads(seen.body)
        return json_reply(
            {"hits": [{"id": asked.get("NextToken", "h0")}]}
            | ({} if "NextToken" in asked else {"NextToken": "h1"})
        )
    if seen.path == "/people":
        return json_reply([{"name": "a"}, {"name": "b", "parent": {"name": "a"}}])
    if seen.path == "/tags":
        return json_reply({"tags": ["x", "y"]})
    if seen.path == "/machines":
        return json_reply({"value": [{"id": "m1", "properties": {"vmSize": "A1"}}]})
    if seen.path == "/report":
        return json_reply({"result": {"usage": {"day": "mon", "total": 7}}})
    return json_reply(["n1", "n2"])


@contextmanager
def opened(
    tmp_path: Path, registry: str = "", auth: Mapping[str, AuthSpec] | None = None
) -> Iterator[tuple[Session, HttpServer]]:
    home = tmp_path / "registry"
    if not home.exists():
        write_registry(home, OLD, NEW)
    with HttpServer(respond) as server:
        settings = RuntimeSettings(
            approot=tmp_path / "root",
            endpoints={"acme.billing": server.url},
            retry=RetryPolicy(tries=1),
            registry=registry or f"file://{home}",
            auth=auth or {},
        )
        with Session(Runtime(settings), owns_runtime=True) as session:
            yield session, server


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Session, HttpServer]]:
    monkeypatch.setenv("ACME_TOKEN", "s3cret")
    bearer = AuthSpec(type="bearer", credentialsenvvar="ACME_TOKEN")
    with opened(tmp_path, auth={"acme": bearer}) as (session, server):
        session.execute("REGISTRY PULL acme")
        yield session, server


def rows(session: Session, sql: str) -> list[tuple[object, ...]]:
    return session.execute(sql).fetchall()


def test_registry_statements(tmp_path: Path) -> None:
    with opened(tmp_path) as (session, _):
        assert ("acme", NEW) in rows(session, "REGISTRY LIST")
        assert rows(session, "registry list ACME") == [("acme", f"{OLD}, {NEW}")]
        with pytest.raises(UnknownProvider):
            rows(session, "SHOW SERVICES IN acme")
        done = session.execute(f"REGISTRY PULL acme {OLD}")
        assert done.message == f"acme provider, version '{OLD}' successfully installed"
        assert ("acme", OLD) in rows(session, "SHOW PROVIDERS")
        session.execute(f"REGISTRY PULL acme '{NEW}'")
        assert ("acme", NEW) in rows(session, "SHOW PROVIDERS")
        session.execute(f"REGISTRY REMOVE acme {NEW}")
        assert ("acme", OLD) in rows(session, "SHOW PROVIDERS")
        session.execute("REGISTRY REMOVE acme")
        assert [name for name, _ in rows(session, "SHOW PROVIDERS")] == ["google"]


def test_a_dry_run_installs_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as (session, _):
        session.dry_run = True
        assert session.execute("REGISTRY PULL acme").message == "would pull acme"
        assert len(rows(session, "SHOW PROVIDERS")) == 1


def test_a_package_comes_over_http(tmp_path: Path) -> None:
    def registry(seen: Seen) -> Reply:
        if seen.path == "/dist/providers.yaml":
            return Reply(body=f"providers: {{acme: {{versions: [{NEW}]}}}}".encode())
        return Reply(body=package(version=NEW))

    with HttpServer(registry) as server, opened(tmp_path, server.url) as (session, _):
        session.execute("REGISTRY PULL acme")
        assert [seen.path for seen in server.seen] == ["/dist/providers.yaml", f"/dist/acme/{NEW}.tgz"]
        assert all("authorization" not in seen.headers for seen in server.seen)
        assert ("acme", NEW) in rows(session, "SHOW PROVIDERS")


def test_a_list_is_read_through_its_links(acme) -> None:
    session, server = acme
    found = rows(
        session,
        "SELECT id, amount, customer->>'name' FROM acme.billing.invoices WHERE account = 'a/b' ORDER BY 1",
    )
    assert found == [("i0", 0.0, "c0"), ("i1", 0.5, "c1"), ("i2", 1.0, "c2")]
    assert server.seen[0].target == "/accounts/a/b/invoices"
    assert {seen.headers["authorization"] for seen in server.seen} == {"Bearer s3cret"}
    assert server.seen[0].headers["acme-version"] == "2024-01-01"


def test_the_first_method_that_can_be_called_is_called(acme) -> None:
    session, server = acme
    sql = "SELECT amount FROM acme.billing.invoices WHERE account = 'a' AND id = 'i1'"
    assert rows(session, sql) == [(0.5,)]
    assert [seen.target for seen in server.seen] == ["/accounts/a/invoices/i1"]
    with pytest.raises(MissingParameter, match="account"):
        session.execute("SELECT * FROM acme.billing.invoices")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT name, parent->>'name' FROM acme.billing.people", [("a", None), ("b", "a")]),
        ("SELECT tag FROM acme.billing.tags", [("x",), ("y",)]),
        ("SELECT id, vmSize FROM acme.billing.machines", [("m1", "A1")]),
        ("SELECT day, total FROM acme.billing.usage", [("mon", 7)]),
        ("SELECT column_anon FROM acme.billing.names", [("n1",), ("n2",)]),
    ],
)
def test_rows_of_every_shape(acme, sql: str, expected: list[tuple[object, ...]]) -> None:
    assert rows(acme[0], sql) == expected


def test_a_select_by_post_asks_in_its_body(acme) -> None:
    session, server = acme
    sql = """SELECT id FROM acme.billing.hits
        WHERE query = 'q' AND "limit" = 5 AND kinds = '["a"]' ORDER BY 1"""
    assert rows(session, sql) == [("h0",), ("h1",)]
    first = {"order": "up", "query": "q", "limit": 5, "kinds": ["a"]}
    assert [json.loads(seen.body) for seen in server.seen] == [first, first | {"NextToken": "h1"}]
    server.seen.clear()
    assert len(rows(session, "SELECT * FROM acme.billing.hits")) == 2
    assert [seen.target for seen in server.seen] == ["/names"]


@pytest.mark.parametrize(
    ("sql", "body"),
    [
        ("DELETE FROM acme.billing.hits WHERE id = 'h1' AND force = true", {"id": "h1", "force": True}),
        ("UPDATE acme.billing.hits SET note = 'n' WHERE id = 'h1'", {"id": "h1", "note": "n"}),
        ("INSERT INTO acme.billing.hits(id, note) SELECT 'h1', 'n'", {"id": "h1", "note": "n"}),
        ("EXEC acme.billing.hits.remove @id = 'h1'", {"id": "h1"}),
        ('EXEC acme.billing.hits.remove @@json = \'{"id": "h1"}\'', {"id": "h1"}),
    ],
)
def test_bodies_say_which_row_is_meant(acme, sql: str, body: object) -> None:
    session, server = acme
    session.execute(sql)
    assert [json.loads(seen.body) for seen in server.seen] == [body]


def test_a_body_without_what_it_must_say_is_not_sent(acme) -> None:
    session, server = acme
    with pytest.raises(MissingParameter, match="id"):
        session.execute("EXEC acme.billing.hits.change @note = 'n'")
    with pytest.raises(SqlError, match="id"):
        session.execute("DELETE FROM acme.billing.hits WHERE force = true")
    assert server.seen == []


def test_show_methods_names_each_parameter_once(acme) -> None:
    found = dict(row[:2] for row in rows(acme[0], "SHOW METHODS IN acme.billing.hits"))
    assert found == {"search": "query", "all": "", "remove": "id", "change": "id"}


def test_an_insert_lies_upon_the_methods_constants(acme) -> None:
    session, server = acme
    sql = (
        "INSERT INTO acme.billing.invoices(account, customer, data__amount) "
        """SELECT 'a', '{"name": "x"}', 3 RETURNING id, amount"""
    )
    assert rows(session, sql) == [("new", 3.0)]
    assert json.loads(server.seen[0].body) == {"currency": "EUR", "customer": {"name": "x"}, "amount": 3}


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        ("@why = '[1]', @dueDates = '[\"a\"]'", {"why": "[1]", "dueDates": ["a"]}),
        ("@data__why = 'late'", {"why": "late"}),
        ('@@json = \'{"why": "x"}\'', {"why": "x"}),
    ],
)
def test_exec_takes_fields_of_the_body_one_by_one(acme, arguments: str, body: object) -> None:
    session, server = acme
    session.execute(f"EXEC acme.billing.invoices.void @account = 'a', @id = 'i1', {arguments}")
    assert server.seen[0].target == "/accounts/a/invoices/i1:void"
    assert json.loads(server.seen[0].body) == body


@pytest.mark.parametrize(
    "arguments", ["@why = 'x', @@json = '{}'", "@why = 'x', @data__why = 'y'", "@no = 1"]
)
def test_exec_refuses_what_it_cannot_place(acme, arguments: str) -> None:
    with pytest.raises(SqlError):
        acme[0].execute(f"EXEC acme.billing.invoices.void @account = 'a', @id = 'i1', {arguments}")


def test_snake_case_and_the_wires_spelling_both_name_a_column(tmp_path: Path) -> None:
    write_registry(tmp_path / "registry", NEW, snake_case_aliases=True)
    with opened(tmp_path) as (session, server):
        session.execute("REGISTRY PULL acme")
        result = session.execute("SELECT * FROM acme.billing.machines")
        assert [c.name for c in result.columns][:2] == ["id", "vm_size"]
        result.close()
        for name in ("vm_size", "vmSize", "VMSIZE", "machines.vmSize", "m.vmSize", '"vmSize"'):
            alias = " m" if name.startswith("m.") else ""
            sql = f"SELECT {name} FROM acme.billing.machines{alias} WHERE {name} = 'A1' ORDER BY {name}"
            assert rows(session, sql) == [("A1",)]
        server.seen.clear()
        sql = "SELECT count(*) FROM acme.billing.invoices WHERE account = 'a' AND {} = 5"
        for name in ("pageSize", "page_size"):
            rows(session, sql.format(name))
        assert {s.target for s in server.seen if "pageSize" in s.target} == {
            "/accounts/a/invoices?pageSize=5"
        }


def test_what_cannot_be_called_is_refused_before_anything_is_sent(acme) -> None:
    session, server = acme
    with pytest.raises(NotSupported, match="template language"):
        rows(session, "SELECT * FROM acme.billing.strange")
    assert server.seen == []


def test_missing_credentials_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACME_TOKEN", raising=False)
    with opened(tmp_path) as (session, _):
        session.execute("REGISTRY PULL acme")
        session.runtime.settings.endpoints["acme.billing"] = "https://127.0.0.1:1/"  # type: ignore[index]
        with pytest.raises(CredentialError, match="ACME_TOKEN"):
            rows(session, "SELECT * FROM acme.billing.names")
