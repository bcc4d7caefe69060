"""google-api-python-client against a server on loopback: the real client, the real HTTP, the real store.

Contract: ml-jobs-service 6 (observed requests).
"""

from __future__ import annotations

from collections.abc import Iterator

import httplib2
import pytest
from api_bench import TOKEN, TRAINING, ApiBench
from google.auth.credentials import AnonymousCredentials
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError
from googleapiclient.http import BatchHttpRequest
from serving_bench import serving

from tablecloud.jobs.api.principals import local_principals

PARENT = "projects/demo"


@pytest.fixture
def bench(tmp_path) -> Iterator[ApiBench]:
    made = ApiBench(tmp_path / "root")
    yield made
    made.close()


@pytest.fixture
def url(bench) -> Iterator[str]:
    with serving(bench.service, bench.api.principals) as address:
        yield address


@pytest.fixture
def ml(url):
    client = build("ml", "v1", credentials=Credentials(TOKEN), client_options={"api_endpoint": url})
    yield client
    client.close()


@pytest.fixture
def jobs(ml):
    return ml.projects().jobs()


def create(jobs, job_id, **more):
    body = {"jobId": job_id, "trainingInput": TRAINING, **more}
    return jobs.create(parent=PARENT, body=body).execute()


def test_create_get_cancel(jobs):
    made = create(jobs, "a")
    name = f"{PARENT}/jobs/a"
    assert jobs.get(name=name).execute() == made
    assert jobs.cancel(name=name).execute() == {}
    assert jobs.get(name=name).execute()["state"] == "CANCELLED"
    with pytest.raises(HttpError) as caught:
        jobs.cancel(name=name, body={"name": name}).execute()
    assert caught.value.status_code == 400
    assert caught.value.reason == "Cannot cancel an already completed job."


def test_errors_carry_reason_and_details(jobs):
    create(jobs, "a")
    with pytest.raises(HttpError) as caught:
        create(jobs, "a")
    assert caught.value.status_code == 409
    assert caught.value.reason == "Field: job.job_id Error: A job with this id already exists."
    violation = caught.value.error_details[0]["fieldViolations"][0]
    assert violation == {"field": "job.job_id", "description": "A job with this id already exists."}


def test_list_next_walks_every_page(jobs):
    for number in range(5):
        create(jobs, f"j{number}")
    found, request = [], jobs.list(parent=PARENT, pageSize=2, filter="jobId:j*")
    while request is not None:
        page = request.execute()
        found += [job["jobId"] for job in page["jobs"]]
        request = jobs.list_next(request, page)
    assert found == ["j4", "j3", "j2", "j1", "j0"]


def test_an_empty_list(jobs):
    assert jobs.list(parent=PARENT).execute() == {}


def test_a_long_url_comes_as_a_post_and_stays_a_list(jobs):
    create(jobs, "a")
    long_filter = " OR ".join(["jobId:a"] + [f"jobId:{'x' * 100}{n}" for n in range(30)])
    page = jobs.list(parent=PARENT, filter=long_filter).execute()
    assert [job["jobId"] for job in page["jobs"]] == ["a"]


def test_etag_conflict(jobs):
    name, etag = f"{PARENT}/jobs/a", create(jobs, "a")["etag"]
    body = {"labels": {"x": "1"}, "etag": etag}
    assert jobs.patch(name=name, body=body, updateMask="labels,etag").execute()["labels"] == {"x": "1"}
    with pytest.raises(HttpError) as caught:
        jobs.patch(name=name, body=body, updateMask="labels,etag").execute()
    assert caught.value.status_code == 409


def test_policies(jobs):
    create(jobs, "a")
    resource = f"{PARENT}/jobs/a"
    policy = jobs.getIamPolicy(resource=resource, options_requestedPolicyVersion=3).execute()
    assert policy == {"etag": "ACAB"}
    policy["bindings"] = [{"role": "roles/ml.viewer", "members": ["user:ann@example.com"]}]
    saved = jobs.setIamPolicy(resource=resource, body={"policy": policy}).execute()
    assert saved["bindings"] == policy["bindings"]
    asked = {"permissions": ["ml.jobs.get", "ml.jobs.fly"]}
    assert jobs.testIamPermissions(resource=resource, body=asked).execute() == {
        "permissions": ["ml.jobs.get"]
    }


def test_operations(ml, jobs):
    create(jobs, "a")
    operations = ml.projects().operations()
    name = f"{PARENT}/operations/job_a"
    assert operations.get(name=name).execute()["done"] is False
    assert operations.list(name=PARENT).execute() == {}
    listed = operations.list(name=PARENT, filter="metadata.jobId:*").execute()
    assert [operation["name"] for operation in listed["operations"]] == [name]
    assert operations.cancel(name=name).execute() == {}
    assert operations.get(name=name).execute()["error"]["code"] == 1
    local = ml.projects().locations().operations()
    with pytest.raises(HttpError, match="404"):
        local.get(name=f"{PARENT}/locations/us-central1/operations/x").execute()


def test_places(ml):
    locations = ml.projects().locations()
    assert len(locations.list(parent=PARENT).execute()["locations"]) == 14
    local = locations.get(name=f"{PARENT}/locations/local").execute()
    assert {"type": "TRAINING"} in local["capabilities"]
    assert "serviceAccount" in ml.projects().getConfig(name=PARENT).execute()


def test_a_client_without_a_token_is_turned_away(url):
    client = build("ml", "v1", http=httplib2.Http(), client_options={"api_endpoint": url})
    with client, pytest.raises(HttpError) as caught:
        client.projects().jobs().list(parent=PARENT).execute()
    assert caught.value.status_code == 401


def test_anonymous_credentials_work_with_an_open_server(bench):
    with serving(bench.service, local_principals(TOKEN, open_door=True)) as address:
        options = {"api_endpoint": address}
        client = build("ml", "v1", credentials=AnonymousCredentials(), client_options=options)
        with client:
            assert create(client.projects().jobs(), "a")["state"] == "QUEUED"


def test_batch(url, ml, jobs):
    create(jobs, "a")
    answers = {}
    batch = BatchHttpRequest(
        callback=lambda number, reply, error: answers.update({number: error or reply}),
        batch_uri=f"{url}/batch",
    )
    batch.add(jobs.get(name=f"{PARENT}/jobs/a"), request_id="get")
    batch.add(jobs.get(name=f"{PARENT}/jobs/none"), request_id="none")
    batch.add(jobs.create(parent=PARENT, body={"jobId": "b", "trainingInput": TRAINING}), request_id="create")
    batch.execute()
    assert answers["get"]["jobId"] == "a"
    assert answers["create"]["state"] == "QUEUED"
    assert answers["none"].status_code == 404


def test_a_long_list_is_compressed_and_read(jobs):
    for number in range(30):
        create(jobs, f"j{number}")
    assert len(jobs.list(parent=PARENT, pageSize=100).execute()["jobs"]) == 30
