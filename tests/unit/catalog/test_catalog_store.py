from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from tablecloud.catalog.store import build_in_memory, open_published, publish


def fill(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE t (x)")
    connection.execute("INSERT INTO t VALUES (7)")


def read(connection: sqlite3.Connection | None) -> int:
    assert connection is not None
    try:
        return int(connection.execute("SELECT x FROM t").fetchone()[0])
    finally:
        connection.close()


def test_what_is_published_is_read_back_and_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.sqlite"
    publish(path, "one", fill)
    assert read(open_published(path, "one")) == 7
    assert path.stat().st_mode & 0o077 == 0
    assert [f.name for f in path.parent.iterdir()] == ["a.sqlite"]


def test_another_stamp_is_not_used(tmp_path: Path) -> None:
    publish(tmp_path / "a.sqlite", "one", fill)
    assert open_published(tmp_path / "a.sqlite", "two") is None


@pytest.mark.parametrize("content", [b"", b"nonsense", b"SQLite format 3\x00" + b"\xff" * 4000])
def test_a_damaged_file_is_not_used(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.sqlite"
    path.write_bytes(content)
    assert open_published(path, "one") is None


def test_a_missing_file_is_not_used(tmp_path: Path) -> None:
    assert open_published(tmp_path / "a.sqlite", "one") is None


def test_an_interrupted_build_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    publish(path, "one", fill)

    def interrupted(connection: sqlite3.Connection) -> None:
        fill(connection)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(path, "two", interrupted)
    assert read(open_published(path, "one")) == 7
    assert [f.name for f in tmp_path.iterdir()] == ["a.sqlite"]


def test_old_drafts_are_swept_and_young_ones_left(tmp_path: Path) -> None:
    old, young = tmp_path / ".a.1.1.draft", tmp_path / ".a.2.2.draft"
    for draft in (old, young):
        draft.touch()
    os.utime(old, (0, 0))
    publish(tmp_path / "a.sqlite", "one", fill)
    assert not old.exists() and young.exists()


def test_a_reader_keeps_what_it_opened_while_another_build_is_published(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    publish(path, "one", fill)
    reader = open_published(path, "one")
    publish(path, "two", lambda c: c.execute("CREATE TABLE other (y)"))
    assert read(reader) == 7


def test_in_memory_is_the_same(tmp_path: Path) -> None:
    assert read(build_in_memory("one", fill)) == 7
