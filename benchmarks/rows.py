"""Rows from pages to an answer: 1M rows x 40 columns through SQL, as a ratio to decoding with no network.

The pages (500 rows, about 700 KB) come from another process over loopback HTTP/1.1, one after the other, as
one list call gets them. Prints rows a second, the ratio, and peak memory. With forty columns the decoder is
the bound; with few, the way of each page: the next is asked for when the one before has come.

    python benchmarks/rows.py [--rows 1000000] [--columns 40]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import resource
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from tablecloud.catalog.model import (
    Column,
    Form,
    Location,
    Method,
    Pagination,
    Parameter,
    Resource,
    Verb,
)
from tablecloud.duck import Database
from tablecloud.engine.rows import RowDecoder, faces
from tablecloud.session import Runtime, RuntimeSettings, Session
from tablecloud.sqltypes import SqlType

PAGE = 500
KINDS = {
    "t": (20, SqlType.VARCHAR),
    "i": (6, SqlType.BIGINT),
    "d": (4, SqlType.DOUBLE),
    "b": (3, SqlType.BOOLEAN),
    "o": (4, SqlType.JSON),
    "l": (3, SqlType.JSON),
}
TOKEN = b'"nextPageToken":"'


def columns(count: int) -> list[Column]:
    """Return columns of every kind, `count` of the forty."""
    names = [(f"{kind}{n}", type_) for kind, (many, type_) in KINDS.items() for n in range(many)]
    step = max(len(names) // count, 1)
    return [Column(name=name, path=(name,), type=type_) for name, type_ in names[::step][:count]]


def page() -> bytes:
    """Return one page of a list, without its token."""
    rng = random.Random(1)
    makers: dict[str, Callable[[int], object]] = {
        "t": lambda _: None if rng.random() < 0.1 else "".join(rng.choices("abcdefghij klmnop", k=16)),
        "i": lambda n: str(rng.randrange(10**12)) if n % 2 else rng.randrange(10**9),
        "d": lambda _: rng.random(),
        "b": lambda _: rng.random() < 0.5,
        "o": lambda _: {"a": rng.randrange(100), "b": {"c": "some text" * 3, "d": [1, 2, 3]}},
        "l": lambda _: ["x" * 10] * 6,
    }
    items = [
        {f"{k}{n}": makers[k](n) for k, (many, _) in KINDS.items() for n in range(many)} for _ in range(PAGE)
    ]
    return json.dumps({"kind": "list", "items": items}).encode()[:-1]


def serve(ready: Connection, pages: int) -> None:
    """Answer requests on one connection after the other, each with the next page."""
    body = page()
    listener = socket.create_server(("127.0.0.1", 0))
    ready.send(listener.getsockname()[1])
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while request := _request(connection):
            number = int(request.split(b"pageToken=")[1].split(b" ")[0]) if b"pageToken=" in request else 0
            tail = b',%s%d"}' % (TOKEN, number + 1) if number + 1 < pages else b"}"
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            connection.sendall(head % (len(body) + len(tail)) + body + tail)


def _request(connection: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        chunk = connection.recv(65536)
        if not chunk:
            return b""
        data += chunk
    return data


class OneTable:
    """A catalog of one resource."""

    def __init__(self, found: list[Column]) -> None:
        token = Parameter(name="pageToken", wire="pageToken", location=Location.QUERY)
        listing = Method(
            name="list",
            id="bench.things.list",
            verb=Verb.SELECT,
            http="GET",
            path="v1/things",
            parameters=(token,),
            columns=tuple(found),
            items=("items",),
            pagination=Pagination(request="pageToken", response=("nextPageToken",)),
        )
        self._resource = Resource(
            provider="acme", service="bench", name="things", form=Form.TABLE, root_url="", methods=(listing,)
        )

    def providers(self) -> list[str]:
        """Return its provider."""
        return ["acme"]

    def auth_defaults(self) -> dict[str, str]:
        """Return nothing: its provider asks for no credentials."""
        return {}

    def resource(self, _path: object) -> Resource:
        """Return it."""
        return self._resource

    def close(self) -> None:
        """Do nothing."""


def statement(found: list[Column], table: str) -> str:
    """Return an aggregate that reads every column."""
    terms = [
        f"sum({c.name})" if c.type in (SqlType.BIGINT, SqlType.DOUBLE) else f"count({c.name})" for c in found
    ]
    lengths = [f"max(length({c.name}))" for c in found if c.type in (SqlType.VARCHAR, SqlType.JSON)]
    return f"SELECT left({found[0].name}, 1), count(*), {', '.join(terms + lengths)} FROM {table} GROUP BY 1"


def without_network(found: list[Column], pages: int) -> float:
    """Return seconds for the same pages decoded and aggregated, from memory."""
    from arro3.core import RecordBatchReader

    decoder = RowDecoder(faces(found, [], []), ("items",))
    body = page() + b"}"
    batches = (decoder.decode(body, {}) for _ in range(pages))
    database = Database()
    began = time.perf_counter()
    database.stream("things", RecordBatchReader.from_batches(decoder.schema, batches))
    for _ in database.query(statement(found, "things")).batches:
        pass
    seconds = time.perf_counter() - began
    database.close()
    return seconds


def through_sql(found: list[Column], pages: int) -> float:
    """Return seconds for the whole way: SQL, session, HTTP, decoding, DuckDB."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs, pages), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{ours.recv()}"
    with tempfile.TemporaryDirectory() as folder:
        settings = RuntimeSettings(approot=Path(folder), endpoints={"acme.bench": url})
        runtime = Runtime(settings, catalog=OneTable(found))  # type: ignore[arg-type]
        with Session(runtime, owns_runtime=True) as session:
            session.execute("SELECT 1").fetchall()
            began = time.perf_counter()
            result = session.execute(statement(found, "acme.bench.things"))
            rows = result.fetchall()
            seconds = time.perf_counter() - began
            assert sum(row[1] for row in rows) == pages * PAGE, result.notices
    server.terminate()
    server.join()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=40)
    given = parser.parse_args()
    found, pages = columns(given.columns), given.rows // PAGE
    count = pages * PAGE
    size = len(page()) * pages / 1e6
    whole = through_sql(found, pages)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    bare = without_network(found, pages)
    print(f"{count} rows, {len(found)} columns, {size:.0f} MB of JSON")
    print(f"through SQL and HTTP: {whole:.2f} s, {count / whole / 1e3:.0f} krow/s, {size / whole:.0f} MB/s")
    print(f"decode only:          {bare:.2f} s, {count / bare / 1e3:.0f} krow/s")
    print(f"ratio {bare / whole:.2f}, peak memory {peak:.0f} MB")


if __name__ == "__main__":
    main()
