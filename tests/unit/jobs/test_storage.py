from __future__ import annotations

from pathlib import Path

import pytest

from tablecloud.jobs.storage import Storage, StorageError


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path)


def test_addresses_have_their_places(storage: Storage, tmp_path: Path) -> None:
    assert storage.local_path("gs://bucket/a/b") == tmp_path / "gcs" / "bucket" / "a" / "b"
    assert storage.local_path("gs://my-bucket.example") == tmp_path / "gcs" / "my-bucket.example"
    assert storage.local_path("gs://bucket//a/") == tmp_path / "gcs" / "bucket" / "a"
    assert storage.local_path("file:///data/my%20file") == Path("/data/my file")
    assert storage.local_path("file://localhost/data") == Path("/data")
    assert storage.local_path("/data/x") == Path("/data/x")


@pytest.mark.parametrize(
    "uri",
    [
        "gs://",
        "gs:///a",
        "gs://..",
        "gs://../a",
        "gs://a/b",
        "gs://UPPER/a",
        "gs://a..b/c",
        "gs://-bucket/a",
        "gs://bucket/../other/a",
        "gs://bucket/a/../../b",
        "gs://bucket/..",
        "gs://bucket/a\0b",
        "file://host/a",
        "file:///a/%00",
        "file:///a/%2e%2e/b",
        "file:relative",
        "/a/../b",
        "relative/path",
        "s3://bucket/a",
        "https://example.com/a",
        "",
    ],
)
def test_addresses_that_are_refused(storage: Storage, uri: str) -> None:
    with pytest.raises(StorageError):
        storage.local_path(uri)


def test_links_out_of_a_bucket_are_refused(storage: Storage, tmp_path: Path) -> None:
    bucket = storage.gcs_root / "bucket"
    bucket.mkdir(parents=True)
    (bucket / "out").symlink_to("/etc")
    (bucket / "in").symlink_to(bucket / "data")
    (storage.gcs_root / "linked").symlink_to(tmp_path)
    assert storage.local_path("gs://bucket/in/x") == bucket / "in" / "x"
    for uri in ("gs://bucket/out/passwd", "gs://bucket/out", "gs://linked/x"):
        with pytest.raises(StorageError, match="symbolic link"):
            storage.local_path(uri)


def test_a_root_behind_a_link_is_fine(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    Storage(tmp_path / "link").check_writable("gs://bucket/a")
    assert (tmp_path / "real" / "gcs" / "bucket" / "a").is_dir()


def test_writable_is_tried_and_leaves_nothing_but_the_folder(storage: Storage) -> None:
    storage.check_writable("gs://bucket/job")
    assert list((storage.gcs_root / "bucket").rglob("*")) == [storage.gcs_root / "bucket" / "job"]


def test_unwritable_is_told_with_the_address(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=f"cannot write to file://{tmp_path}/file/x: Not a directory"):
        storage.check_writable(f"file://{tmp_path}/file/x")
