from __future__ import annotations

from pathlib import Path

from tablecloud.auth.tokens import TokenStore
from tablecloud.clock import FakeClock


def test_a_token_is_good_until_shortly_before_its_end() -> None:
    clock = FakeClock()
    store = TokenStore(None, clock)
    store.put("k", "t", 3600)
    clock.advance(3400)
    token = store.get("k")
    assert token is not None and token.value == "t"
    clock.advance(100)
    assert store.get("k") is None


def test_a_token_that_lives_no_time_is_used_once() -> None:
    clock = FakeClock()
    store = TokenStore(None, clock)
    store.put("k", "t", 0)
    assert store.get("k") is not None


def test_another_process_finds_it_in_a_private_file(tmp_path: Path) -> None:
    folder, clock = tmp_path / "tokens", FakeClock()
    TokenStore(folder, clock).put("who@x", "t0k", 3600)
    (file,) = folder.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert "who" not in file.name
    found = TokenStore(folder, clock).get("who@x")
    assert found is not None and found.value == "t0k"
    assert "t0k" not in repr(found)


def test_a_broken_file_is_no_token(tmp_path: Path) -> None:
    clock = FakeClock()
    TokenStore(tmp_path, clock).put("k", "t", 3600)
    (file,) = tmp_path.iterdir()
    file.write_bytes(b"{")
    assert TokenStore(tmp_path, clock).get("k") is None


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    store = TokenStore(blocked / "tokens", FakeClock())
    store.put("k", "t", 3600)
    assert store.get("k") is not None


def test_a_token_that_is_refused_is_forgotten_everywhere(tmp_path: Path) -> None:
    clock = FakeClock()
    store = TokenStore(tmp_path, clock)
    store.put("k", "t", 3600)
    clock.advance(600)
    assert store.refuse("k", "t")
    assert store.get("k") is None
    assert list(tmp_path.iterdir()) == []


def test_a_young_token_is_kept_for_it_is_the_rights_that_lack() -> None:
    clock = FakeClock()
    store = TokenStore(None, clock)
    store.put("k", "t", 3600)
    assert not store.refuse("k", "t")
    assert store.get("k") is not None


def test_a_newer_token_survives_the_refusal_of_an_older(tmp_path: Path) -> None:
    clock = FakeClock()
    store, other = TokenStore(tmp_path, clock), TokenStore(tmp_path, clock)
    store.put("k", "old", 3600)
    clock.advance(600)
    other.put("k", "new", 3600)
    assert store.refuse("k", "old")
    found = store.get("k")
    assert found is not None and found.value == "new"
    assert store.refuse("k", "old")
    assert store.get("k") == found
