"""google-api-python-client against models on loopback: real HTTP, real store, real worker processes.

Contract: ml-jobs-service 1.12, 4, 6.
"""

from __future__ import annotations

import time

import pytest
from api_bench import TOKEN
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError
from model_bench import ROUTINE, SKLEARN, ModelBench
from serving_bench import serving

PARENT = "projects/demo"
MODEL = f"{PARENT}/models/m"


@pytest.fixture(scope="module")
def ml(tmp_path_factory):
    bench = ModelBench(tmp_path_factory.mktemp("client") / "root")
    with serving(bench.service, bench.api.principals) as url:
        client = build("ml", "v1", credentials=Credentials(TOKEN), client_options={"api_endpoint": url})
        yield client
        client.close()
    bench.close()


@pytest.fixture(scope="module")
def models(ml):
    return ml.projects().models()


@pytest.fixture(scope="module")
def versions(ml, models):
    """The versions of a model as gcloud makes it."""
    body = {
        "name": "m",
        "regions": ["us-central1"],
        "onlinePredictionLogging": False,
        "onlinePredictionConsoleLogging": False,
    }
    assert models.create(parent=PARENT, body=body).execute()["name"] == MODEL
    found = models.versions()
    wait(ml, found.create(parent=MODEL, body={"name": "sk", **SKLEARN}))
    wait(ml, found.create(parent=MODEL, body={"name": "routine", **ROUTINE}))
    return found


def wait(ml, request):
    """Poll an operation as TFX does: until it is done, and then it must have a response."""
    operation = request.execute()
    give_up = time.monotonic() + 60
    while not operation.get("done"):
        assert time.monotonic() < give_up
        time.sleep(0.05)
        operation = ml.projects().operations().get(name=operation["name"]).execute()
    assert "error" not in operation, operation["error"]
    return operation["response"]


def test_versions_are_listed_and_one_is_the_default(versions, models):
    listed = versions.list(parent=MODEL).execute()["versions"]
    assert [(v["name"].rpartition("/")[2], v.get("isDefault", False)) for v in listed] == [
        ("routine", False),
        ("sk", True),
    ]
    first = versions.list(parent=MODEL, pageSize=1)
    second = versions.list_next(first, first.execute())
    assert second.execute()["versions"][0]["name"].endswith("/sk")
    assert models.get(name=MODEL).execute()["defaultVersion"]["framework"] == "SCIKIT_LEARN"


def test_predict(ml, versions):
    body = {"instances": [[1, 1], [0, 3]]}
    reply = ml.projects().predict(name=MODEL, body=body).execute()
    assert reply["predictions"] == pytest.approx([2, -2])
    failed = ml.projects().predict(name=f"{MODEL}/versions/sk", body={"instances": [[1]]}).execute()
    assert "error" in failed
    with pytest.raises(HttpError) as caught:
        ml.projects().predict(name=f"{MODEL}/versions/none", body=body).execute()
    assert caught.value.status_code == 404


def test_a_name_that_is_taken(versions):
    with pytest.raises(HttpError) as caught:
        versions.create(parent=MODEL, body={"name": "sk", **SKLEARN}).execute()
    assert caught.value.status_code == 409
    [detail] = caught.value.error_details
    assert detail["fieldViolations"][0]["field"] == "version.name"


def test_default_patch_and_delete(ml, versions, models):
    name = f"{MODEL}/versions/routine"
    assert versions.setDefault(name=name, body={}).execute()["isDefault"] is True
    # Airflow counts on this refusal.
    with pytest.raises(HttpError) as caught:
        versions.delete(name=name).execute()
    assert caught.value.status_code == 400
    wait(ml, models.patch(name=MODEL, updateMask="description,labels", body={"description": "d"}))
    assert models.get(name=MODEL).execute()["description"] == "d"
    versions.setDefault(name=f"{MODEL}/versions/sk").execute()
    patched = wait(ml, versions.patch(name=name, updateMask="labels", body={"labels": {"a": "b"}}))
    assert patched["labels"] == {"a": "b"}
    assert wait(ml, versions.delete(name=name)) == {"@type": "type.googleapis.com/google.protobuf.Empty"}


def test_policies(models, versions):
    policy = {"bindings": [{"role": "roles/ml.modelUser", "members": ["user:ann@example.com"]}]}
    made = models.setIamPolicy(resource=MODEL, body={"policy": policy}).execute()
    assert models.getIamPolicy(resource=MODEL).execute() == made
    asked = {"permissions": ["ml.models.predict"]}
    assert models.testIamPermissions(resource=MODEL, body=asked).execute() == asked


def test_operations(ml, versions):
    listed = ml.projects().operations().list(name=PARENT).execute()["operations"]
    assert {o["metadata"]["operationType"] for o in listed} >= {"CREATE_VERSION"}
    assert ml.projects().operations().cancel(name=listed[0]["name"]).execute() == {}
