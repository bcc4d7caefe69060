"""google-cloud-storage and gcsfs against the storage face on loopback, by STORAGE_EMULATOR_HOST.

Contract: ml-jobs-service 2.5.
"""

from __future__ import annotations

import hashlib
import io
import os
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from api_bench import TOKEN, ApiBench

from tablecloud.jobs.api.app import create_app
from tablecloud.jobs.gcs.credentials import CLIENT_SETTINGS

storage = pytest.importorskip("google.cloud.storage", reason="google-cloud-storage is not installed")
from google.api_core.exceptions import (  # noqa: E402
    Conflict,
    Forbidden,
    NotFound,
    PreconditionFailed,
)


class Server(uvicorn.Server):
    """A server that says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets=None) -> None:
        await super().startup(sockets)
        self.listening.set()


@pytest.fixture
def bench(tmp_path) -> Iterator[ApiBench]:
    made = ApiBench(tmp_path / "root")
    yield made
    made.close()


@pytest.fixture
def netloc(bench) -> Iterator[str]:
    app = create_app(bench.service, principals=bench.api.principals)
    server = Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    assert server.listening.wait(10)
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    yield f"{host}:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def client(netloc, monkeypatch) -> Iterator[storage.Client]:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://user:{TOKEN}@{netloc}")
    made = storage.Client(project="demo")
    yield made
    made.close()


@pytest.fixture
def bucket(client) -> storage.Bucket:
    return client.create_bucket("bucket")


def files_of(bench, bucket="bucket") -> dict[str, bytes]:
    home = bench.service.settings.root / "gcs" / bucket
    return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def test_a_text_goes_up_and_comes_down(bench, bucket):
    blob = bucket.blob("dir/a b%c.txt")
    blob.metadata = {"author": "ann"}
    blob.upload_from_string("héllo", content_type="text/plain")
    assert files_of(bench) == {"dir/a b%c.txt": "héllo".encode()}
    again = bucket.get_blob("dir/a b%c.txt")
    assert (again.size, again.content_type, again.metadata) == (6, "text/plain", {"author": "ann"})
    assert again.download_as_text() == "héllo"
    assert again.md5_hash == blob.md5_hash


def test_a_file_a_program_wrote_is_an_object(bench, bucket):
    home = bench.service.settings.root / "gcs" / "bucket" / "model"
    home.mkdir()
    (home / "model.joblib").write_bytes(b"weights")
    blob = bucket.get_blob("model/model.joblib")
    assert blob.size == 7
    assert blob.download_as_bytes(checksum="md5") == b"weights"


def test_a_large_file_goes_up_in_blocks(bench, bucket, tmp_path):
    data = os.urandom(3 * 256 * 1024 + 17)
    blob = bucket.blob("large.bin", chunk_size=256 * 1024)
    blob.upload_from_file(io.BytesIO(data), size=len(data))
    assert files_of(bench)["large.bin"] == data
    assert blob.size == len(data)
    assert bucket.blob("large.bin").download_as_bytes() == data
    unknown_size = bucket.blob("stream.bin")
    with unknown_size.open("wb", chunk_size=256 * 1024) as stream:
        stream.write(data)
    assert files_of(bench)["stream.bin"] == data


def test_ranges_and_streams(bucket):
    bucket.blob("abc").upload_from_string("abcdefghij")
    blob = bucket.blob("abc")
    assert blob.download_as_bytes(start=2, end=4) == b"cde"
    assert blob.download_as_bytes(start=8) == b"ij"
    with blob.open("rb", chunk_size=256 * 1024) as stream:
        stream.seek(5)
        assert stream.read() == b"fghij"


def test_chunked_download(bucket):
    data = os.urandom(700_000)
    bucket.blob("x").upload_from_string(data)
    assert bucket.blob("x", chunk_size=256 * 1024).download_as_bytes() == data


def test_listing(client, bucket):
    for name in ("a", "a.txt", "dir/b", "dir/c/d", "dir2/e"):
        bucket.blob(name).upload_from_string("")
    assert [blob.name for blob in client.list_blobs("bucket")] == [
        "a", "a.txt", "dir/b", "dir/c/d", "dir2/e",
    ]  # fmt: skip
    assert [blob.name for blob in client.list_blobs("bucket", page_size=2)] == [
        "a", "a.txt", "dir/b", "dir/c/d", "dir2/e",
    ]  # fmt: skip
    found = client.list_blobs("bucket", delimiter="/", page_size=1)
    assert [blob.name for blob in found] == ["a", "a.txt"]
    assert found.prefixes == {"dir/", "dir2/"}
    below = client.list_blobs("bucket", prefix="dir/", delimiter="/")
    assert [blob.name for blob in below] == ["dir/b"]
    assert below.prefixes == {"dir/c/"}
    assert [blob.name for blob in client.list_blobs("bucket", prefix="dir")] == ["dir/b", "dir/c/d", "dir2/e"]
    assert [one.name for one in client.list_buckets()] == ["bucket"]


def test_copy_rename_compose_delete(bench, client, bucket):
    first = bucket.blob("1")
    first.upload_from_string("one,", content_type="text/csv")
    second = bucket.blob("2")
    second.upload_from_string("two")
    copied = bucket.copy_blob(first, client.create_bucket("other"), "copy")
    assert copied.content_type == "text/csv"
    assert files_of(bench, "other") == {"copy": b"one,"}
    bucket.blob("both").compose([first, second])
    bucket.rename_blob(second, "moved/2")
    first.delete()
    assert files_of(bench) == {"both": b"one,two", "moved/2": b"two"}
    with pytest.raises(NotFound):
        first.delete()
    with pytest.raises(Conflict):
        bucket.delete()
    bucket.delete_blobs([bucket.blob("both"), bucket.blob("moved/2")])
    bucket.delete()
    assert [one.name for one in client.list_buckets()] == ["other"]


def test_preconditions(bucket):
    blob = bucket.blob("x")
    blob.upload_from_string("1", if_generation_match=0)
    first = blob.generation
    with pytest.raises(PreconditionFailed):
        blob.upload_from_string("2", if_generation_match=0)
    blob.upload_from_string("2", if_generation_match=first)
    assert blob.generation > first
    with pytest.raises(PreconditionFailed):
        blob.delete(if_generation_match=first)


def test_metadata_is_patched(bucket):
    blob = bucket.blob("x")
    blob.upload_from_string("1")
    blob.metadata = {"a": "1", "b": "2"}
    blob.content_type = "text/html"
    blob.patch()
    again = bucket.get_blob("x")
    assert (again.metadata, again.content_type, again.metageneration) == (
        {"a": "1", "b": "2"},
        "text/html",
        2,
    )
    assert again.download_as_bytes() == b"1"


def test_a_damaged_upload_is_refused(bench, bucket):
    blob = bucket.blob("x")
    blob.md5_hash = "1B2M2Y8AsgTpgAmY7PhCfg=="  # of nothing
    with pytest.raises(Exception, match="md5"):
        blob.upload_from_string("something", checksum=None)
    assert files_of(bench) == {}


def test_a_batch(client, bucket):
    for name in ("a", "b", "c"):
        bucket.blob(name).upload_from_string(name)
    with client.batch():
        bucket.delete_blob("a")
        bucket.delete_blob("c")
    assert [blob.name for blob in client.list_blobs("bucket")] == ["b"]


def test_no_token_no_bucket(netloc, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://{netloc}")
    with pytest.raises(Forbidden, match="STORAGE_EMULATOR_HOST"):
        list(storage.Client(project="demo").list_buckets())
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://user:wrong@{netloc}")
    with pytest.raises(Forbidden, match="not known"):
        list(storage.Client(project="demo").list_buckets())


def test_gcsfs(bench, netloc, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://user:{TOKEN}@{netloc}")
    for name, value in CLIENT_SETTINGS.items():
        monkeypatch.setenv(name, value)
    gcsfs = pytest.importorskip("gcsfs")
    fs = gcsfs.GCSFileSystem(project="demo", token="anon", skip_instance_cache=True)
    fs.mkdir("bucket")
    fs.pipe("bucket/dir/a.txt", b"hello")
    with fs.open("bucket/dir/big", "wb", block_size=256 * 1024) as stream:
        for _ in range(7):
            stream.write(b"x" * 100_000)
    assert files_of(bench) == {"dir/a.txt": b"hello", "dir/big": b"x" * 700_000}
    assert fs.cat("bucket/dir/a.txt") == b"hello"
    assert sorted(fs.ls("bucket/dir")) == ["bucket/dir/a.txt", "bucket/dir/big"]
    assert fs.info("bucket/dir/big")["size"] == 700_000
    assert fs.isdir("bucket/dir")
    assert fs.cat_file("bucket/dir/a.txt", start=1, end=3) == b"el"
    with fs.open("bucket/dir/big", "rb") as stream:
        stream.seek(699_999)
        assert stream.read() == b"x"
    fs.cp("bucket/dir/a.txt", "bucket/b.txt")
    fs.mv("bucket/b.txt", "bucket/c.txt")
    assert hashlib.md5(fs.cat("bucket/c.txt")).hexdigest() == hashlib.md5(b"hello").hexdigest()
    fs.rm("bucket/dir", recursive=True)
    assert files_of(bench) == {"c.txt": b"hello"}
