import os
from pathlib import Path

import pytest

from tablecloud.jobs.gcs.listing import Query
from tablecloud.jobs.gcs.model import Conditions, Refusal, StoredObject
from tablecloud.jobs.gcs.objects import ObjectStore
from tablecloud.jobs.gcs.uploads import Session, Uploads


@pytest.fixture
def store(tmp_path):
    made = ObjectStore(tmp_path)
    made.create_bucket("bucket")
    yield made
    made.close()


def put(store: ObjectStore, name: str, data: bytes = b"x", **fields: object) -> StoredObject:
    with store.writing() as writer:
        writer.write(data)
        return store.put("bucket", name, writer.draft(), dict(fields))


def names(store: ObjectStore) -> tuple[str, ...]:
    return store.list("bucket", Query()).names


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/x", "a//b", "./a", "a/.", "a\0b", "x" * 1025, "a/../b", "\ud800"]
)
def test_names_that_are_no_files_here(store, name, tmp_path):
    with pytest.raises(Refusal) as caught:
        put(store, name)
    assert caught.value.status == 400
    assert names(store) == ()
    assert list(store.drafts.iterdir()) == []


@pytest.mark.parametrize("bucket", ["..", ".uploads", "UPPER", "a", "a/b", "abc/def", "\ud800", ""])
def test_names_that_are_no_buckets(store, bucket):
    with pytest.raises(Refusal) as caught:
        store.bucket(bucket)
    assert caught.value.status == 400


def test_a_planted_link_leads_nowhere(store, tmp_path):
    (tmp_path / "gcs" / "bucket" / "out").symlink_to("/etc")
    with pytest.raises(Refusal, match="symbolic link"):
        store.get("bucket", "out/passwd")
    with pytest.raises(Refusal, match="symbolic link"):
        put(store, "out/evil")


def test_a_name_is_not_a_file_and_a_folder_at_once(store):
    put(store, "a")
    with pytest.raises(Refusal, match="at once"):
        put(store, "a/b")
    put(store, "c/d")
    with pytest.raises(Refusal, match="at once"):
        put(store, "c")
    store.delete("bucket", "c/d")
    put(store, "c")
    assert names(store) == ("a", "c")


def test_folder_objects(store):
    put(store, "dir/", b"")
    assert names(store) == ("dir/",)
    assert store.get("bucket", "dir/").size == 0
    put(store, "dir/a")
    assert names(store) == ("dir/", "dir/a")
    store.delete("bucket", "dir/")
    assert names(store) == ("dir/a",)
    with pytest.raises(Refusal, match="no content"):
        put(store, "dir/", b"x")


def test_a_file_changed_behind_our_back_is_another_object(store, tmp_path):
    first = put(store, "a", b"one", contentType="text/plain")
    path = tmp_path / "gcs" / "bucket" / "a"
    path.write_bytes(b"two")
    os.utime(path, ns=(0, first.generation * 1000 + 5_000_000))
    found = store.get("bucket", "a")
    assert found.generation > first.generation
    assert found.content_type == "application/octet-stream"
    assert found.checksums != first.checksums


def test_generations_grow_even_within_one_tick(store):
    generations = [put(store, "a", b"same").generation for _ in range(50)]
    assert generations == sorted(set(generations))


def test_what_was_said_outlives_the_store(store, tmp_path):
    put(store, "a", contentType="text/plain", metadata={"k": "v"})
    again = ObjectStore(tmp_path)
    assert again.get("bucket", "a").fields == {"contentType": "text/plain", "metadata": {"k": "v"}}
    again.close()


def test_a_damaged_content_is_no_object(store):
    with pytest.raises(Refusal, match="md5Hash"):
        put(store, "a", md5Hash="AAAA")
    assert names(store) == ()


def begin(uploads: Uploads, name: str = "a") -> str:
    return uploads.begin(Session(bucket="bucket", name=name, fields={}, conditions=Conditions()))


def test_an_upload_goes_on_after_a_restart(store):
    upload = begin(Uploads(store))
    assert Uploads(store).append(upload, 0, b"hello ") == 6
    later = Uploads(store)
    assert later.append(upload, 3, b"lo world") == 11
    with pytest.raises(Refusal, match="only 11"):
        later.append(upload, 12, b"!")
    made = later.finish(upload, {})
    assert made.path.read_bytes() == b"hello world"
    assert later.finish(upload, {}).generation == made.generation


def test_a_cancelled_upload_is_gone(store):
    uploads = Uploads(store)
    upload = begin(uploads)
    uploads.cancel(upload)
    for unknown in (upload, "../../etc/passwd", ""):
        with pytest.raises(Refusal) as caught:
            uploads.session(unknown)
        assert caught.value.status == 404
    assert list(store.drafts.iterdir()) == []


def test_old_uploads_are_swept(store):
    upload = begin(Uploads(store))
    for path in store.drafts.iterdir():
        os.utime(path, (0, 0))
    (store.drafts / "draft-of-a-killed-server").write_bytes(b"x")
    with pytest.raises(Refusal):
        Uploads(store).session(upload)
    assert list(store.drafts.iterdir()) == []


def test_a_bucket_with_objects_stays(store, tmp_path):
    put(store, "dir/a")
    with pytest.raises(Refusal, match="not empty"):
        store.delete_bucket("bucket")
    store.delete("bucket", "dir/a")
    store.delete_bucket("bucket")
    assert store.buckets() == []
    assert not Path(tmp_path / "gcs" / "bucket").exists()


def test_a_damaged_file_of_facts_is_put_aside(store, tmp_path):
    put(store, "a", b"one", contentType="text/plain")
    store.close()
    for path in (tmp_path / "gcs").glob(".objects.sqlite*"):
        path.write_bytes(b"this is no database, and it is long enough to be read as one" * 100)
    again = ObjectStore(tmp_path)
    assert again.get("bucket", "a").path.read_bytes() == b"one"
    assert (tmp_path / "gcs" / ".objects.broken").exists()
    again.close()
