"""A real job on a real server reaches the buckets with what its environment holds, and only while it runs."""

import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from job_archives import wheel

from tablecloud.jobs.daemon import Endpoint, ensure_running, stop

TRAINER = """
import base64, os, urllib.request
from urllib.parse import urlsplit
parts = urlsplit(os.environ["STORAGE_EMULATOR_HOST"])
url = f"{parts.scheme}://{parts.hostname}:{parts.port}/upload/storage/v1/b/bucket/o?uploadType=media&name=out/address"
basic = base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode()
body = os.environ["STORAGE_EMULATOR_HOST"].encode()
request = urllib.request.Request(url, body, {"Authorization": "Basic " + basic})
print("uploaded", urllib.request.urlopen(request, timeout=20).status)
"""


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[Endpoint]:
    yield ensure_running(tmp_path / "ml")
    stop(tmp_path / "ml")


def call(endpoint: Endpoint, path: str, body: object = None) -> object:
    token = endpoint.token_file.read_text().strip()
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(endpoint.url + path, data, {"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=20) as reply:
        return json.load(reply)


def test_a_job_reaches_the_buckets_while_it_runs(tmp_path: Path, endpoint: Endpoint) -> None:
    bucket = tmp_path / "ml" / "gcs" / "bucket"
    bucket.mkdir(parents=True)
    package = wheel(bucket, "trainer", modules={"task": TRAINER})
    training = {
        "scaleTier": "BASIC",
        "region": "us-central1",
        "runtimeVersion": "2.11",
        "pythonVersion": "3.7",
        "packageUris": [f"gs://bucket/{package.name}"],
        "pythonModule": "trainer.task",
    }
    call(endpoint, "/v1/projects/p/jobs", {"jobId": "j", "trainingInput": training})
    deadline = time.monotonic() + 60
    while (job := call(endpoint, "/v1/projects/p/jobs/j")) and "endTime" not in job:
        assert time.monotonic() < deadline, job
        time.sleep(0.05)
    assert job["state"] == "SUCCEEDED", job
    address = urlsplit((bucket / "out" / "address").read_text())
    assert endpoint.url == f"http://{address.hostname}:{address.port}"
    basic = base64.b64encode(f"{address.username}:{address.password}".encode()).decode()
    request = urllib.request.Request(
        f"{endpoint.url}/storage/v1/b", headers={"Authorization": f"Basic {basic}"}
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=20)
    assert caught.value.code == 403
    assert "has ended" in caught.value.read().decode()
    caught.value.close()


def test_a_server_that_starts_again_answers_where_it_did(tmp_path: Path, endpoint: Endpoint) -> None:
    stop(tmp_path / "ml")
    assert ensure_running(tmp_path / "ml").url == endpoint.url
