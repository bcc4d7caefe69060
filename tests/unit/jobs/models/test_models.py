import pytest
from model_bench import PARENT, SKLEARN

MODELS = f"{PARENT}/models"


def test_create_get_list(bench):
    made = bench.create_model("b", description="second", labels={"team": "x"}, regions=["us-east1"])
    assert made["name"] == "projects/demo/models/b"
    assert made["regions"] == ["us-east1"]
    assert "defaultVersion" not in made
    assert bench.call("GET", f"{MODELS}/b") == made
    bench.create_model("a")
    assert [m["name"][-1] for m in bench.call("GET", MODELS)["models"]] == ["a", "b"]
    assert bench.call("GET", "/v1/projects/other/models") == {}


def test_pages_and_filters(bench):
    for name in ("a", "b", "c", "d"):
        bench.create_model(name, labels={"even": str(name in "bd").lower()})
    first = bench.call("GET", f"{MODELS}?pageSize=3")
    token = first["nextPageToken"]
    assert len(first["models"]) == 3
    rest = bench.call("GET", f"{MODELS}?pageSize=3&pageToken={token}")
    assert [m["name"][-1] for m in rest["models"]] == ["d"]
    assert "nextPageToken" not in rest
    found = bench.call("GET", f"{MODELS}?filter=labels.even%3Dtrue&pageSize=1")
    assert [m["name"][-1] for m in found["models"]] == ["b"]
    refused = bench.refusal("GET", f"{MODELS}?pageToken={token}&filter=labels.even%3Dtrue")
    assert "page token is invalid" in refused[2]


@pytest.mark.parametrize(
    "body, field",
    [
        ({}, "model.name"),
        ({"name": "1a"}, "model.name"),
        ({"name": "a-b"}, "model.name"),
        ({"name": "a" * 129}, "model.name"),
        ({"name": "a", "regions": ["x", "y"]}, "model.regions"),
        ({"name": "a", "labels": {"A": "b"}}, "model.labels"),
    ],
)
def test_models_that_cannot_be(bench, body, field):
    code, status, message = bench.refusal("POST", MODELS, body)
    assert (code, status) == (400, "INVALID_ARGUMENT")
    assert message.startswith(f"Field: {field} Error:")


def test_a_name_is_taken_once(bench):
    bench.create_model()
    code, status, message = bench.refusal("POST", MODELS, {"name": "m"})
    assert (code, status) == (409, "ALREADY_EXISTS")
    assert message == "Field: model.name Error: A model with the same name already exists."


def test_patch(bench):
    made = bench.create_model(description="old", labels={"a": "b"})
    path = f"{MODELS}/m"
    done = bench.call("PATCH", f"{path}?updateMask=description", {"description": "new", "labels": {}})
    assert done["done"] is True
    assert done["metadata"]["operationType"] == "UPDATE_MODEL"
    assert done["response"]["@type"].endswith("google.cloud.ml.v1.Model")
    now = bench.call("GET", path)
    assert (now["description"], now["labels"]) == ("new", {"a": "b"})
    assert bench.call("GET", f"/v1/{done['name']}") == done
    stale = bench.refusal("PATCH", f"{path}?updateMask=labels", {"labels": {}, "etag": made["etag"]})
    assert stale[:2] == (409, "ABORTED")
    bench.call("PATCH", f"{path}?updateMask=labels,etag", {"etag": now["etag"]})
    assert "labels" not in bench.call("GET", path)


def test_what_patch_cannot_change(bench):
    bench.create_model()
    path = f"{MODELS}/m"
    assert "regions" in bench.refusal("PATCH", f"{path}?updateMask=regions", {})[2]
    assert "required" in bench.refusal("PATCH", path, {})[2]
    assert "required" in bench.refusal("PATCH", f"{path}?updateMask=etag", {})[2]
    refused = bench.refusal(
        "PATCH", f"{path}?updateMask=default_version.name", {"defaultVersion": {"name": "x"}}
    )
    assert refused[:2] == (404, "NOT_FOUND")
    assert bench.refusal("PATCH", f"{MODELS}/n?updateMask=labels", {})[0] == 404


def test_delete(bench):
    bench.create_model()
    done = bench.call("DELETE", f"{MODELS}/m")
    assert done["response"] == {"@type": "type.googleapis.com/google.protobuf.Empty"}
    assert bench.refusal("GET", f"{MODELS}/m")[0] == 404
    assert bench.refusal("DELETE", f"{MODELS}/m")[0] == 404
    bench.create_model()


def test_a_new_model_does_not_inherit_the_policy_of_an_old_one(bench):
    bench.create_model()
    policy = {"bindings": [{"role": "roles/ml.modelUser", "members": ["user:ann@example.com"]}]}
    bench.call("POST", f"{MODELS}/m:setIamPolicy", {"policy": policy})
    assert bench.call("GET", f"{MODELS}/m:getIamPolicy")["bindings"] == policy["bindings"]
    asked = {"permissions": ["ml.models.predict", "ml.jobs.get", "ml.models.fly"]}
    assert (
        bench.call("POST", f"{MODELS}/m:testIamPermissions", asked)["permissions"] == asked["permissions"][:2]
    )
    assert bench.call("POST", f"{MODELS}/n:testIamPermissions", asked) == {}
    bench.call("DELETE", f"{MODELS}/m")
    bench.create_model()
    assert bench.call("GET", f"{MODELS}/m:getIamPolicy") == {"etag": "ACAB"}


def test_versions_keep_their_model(bench):
    bench.create_model()
    bench.create_version("v", **SKLEARN)
    assert bench.refusal("DELETE", f"{MODELS}/m")[:2] == (400, "FAILED_PRECONDITION")
    bench.call("DELETE", f"{MODELS}/m/versions/v")
    assert bench.call("DELETE", f"{MODELS}/m")["done"] is True
