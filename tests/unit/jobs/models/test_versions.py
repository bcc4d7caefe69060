import pytest
from model_bench import PARENT, ROUTINE, SKLEARN

VERSIONS = f"{PARENT}/models/m/versions"


@pytest.fixture(autouse=True)
def model(bench):
    bench.create_model()


def test_a_version_comes_to_be(bench):
    operation = bench.begin_version("v", deploymentUri="gs://models/sklearn", labels={"a": "b"})
    metadata = operation["metadata"]
    assert operation["name"].startswith("projects/demo/operations/create_m_v-")
    assert metadata["operationType"] == "CREATE_VERSION"
    assert metadata["modelName"] == "projects/demo/models/m"
    assert metadata["labels"] == {"a": "b"}
    assert metadata["version"]["state"] == "CREATING"
    ended = bench.ended(operation["name"])
    version = bench.call("GET", f"{VERSIONS}/v")
    assert ended["response"] == {"@type": "type.googleapis.com/google.cloud.ml.v1.Version", **version}
    assert version["name"] == "projects/demo/models/m/versions/v"
    assert (version["state"], version["framework"], version["isDefault"]) == ("READY", "SCIKIT_LEARN", True)
    assert bench.call("GET", f"{PARENT}/models/m")["defaultVersion"] == version
    assert bench.call("GET", VERSIONS)["versions"] == [version]
    assert bench.call("GET", f"{PARENT}/operations")["operations"] == [ended]


def test_a_bad_model_fails_with_its_words(bench):
    ended = bench.create_version("v", deploymentUri="gs://models/broken")
    said = ended["error"]["message"]
    start = 'Create Version failed. Bad model detected with error: "Failed to load model: Could not load'
    assert said.startswith(start)
    assert said.endswith('(Error code: 0)"')
    version = bench.call("GET", f"{VERSIONS}/v")
    assert (version["state"], version["errorMessage"]) == ("FAILED", said)
    assert "defaultVersion" not in bench.call("GET", f"{PARENT}/models/m")
    assert list((bench.root / "models").iterdir()) == []
    assert "FAILED" in bench.refusal("POST", f"{VERSIONS}/v:setDefault")[2]
    assert bench.refusal("POST", f"{VERSIONS}/v:predict", {"instances": []})[1] == "FAILED_PRECONDITION"
    bench.call("DELETE", f"{VERSIONS}/v")


def test_a_package_that_cannot_be_installed(bench):
    (bench.bucket / "packages" / "bad.tar.gz").write_bytes(b"nonsense")
    ended = bench.create_version("v", **{**ROUTINE, "packageUris": ["gs://models/packages/bad.tar.gz"]})
    assert "is damaged" in ended["error"]["message"]


@pytest.mark.parametrize(
    "fields, field",
    [
        ({"name": "1"}, "version.name"),
        ({"deploymentUri": ""}, "version.deployment_uri"),
        ({"predictionClass": "a.B"}, "version.prediction_class"),
        ({"framework": "FRAMEWORK_UNSPECIFIED", "predictionClass": "a b"}, "version.prediction_class"),
        ({"container": {"image": "x"}}, "version.container"),
        ({"routes": {"predict": "/p"}}, "version.routes"),
        ({"serviceAccount": "a@b"}, "version.service_account"),
        ({"autoScaling": {"minNodes": 1}, "manualScaling": {"nodes": 1}}, "version.manual_scaling"),
        ({"manualScaling": {}}, "version.manual_scaling.nodes"),
        ({"machineType": "n1-standard-4", "autoScaling": {"maxNodes": 2}}, "version.auto_scaling.min_nodes"),
        ({"autoScaling": {"minNodes": 3, "maxNodes": 2}}, "version.auto_scaling.max_nodes"),
        ({"acceleratorConfig": {"count": "1"}}, "version.accelerator_config"),
        ({"labels": {"A": ""}}, "version.labels"),
        ({"explanationConfig": {}}, "version.explanation_config"),
        (
            {"explanationConfig": {"sampledShapleyAttribution": {}}},
            "version.explanation_config.sampled_shapley_attribution.num_paths",
        ),
    ],
)
def test_versions_that_cannot_be(bench, fields, field):
    code, status, message = bench.refusal("POST", VERSIONS, {"name": "v", **SKLEARN, **fields})
    assert (code, status) == (400, "INVALID_ARGUMENT")
    assert message.startswith(f"Field: {field} Error:")
    assert bench.call("GET", VERSIONS) == {}


def test_containers_are_refused_with_a_sentence(bench):
    body = {"name": "v", "container": {"image": "x"}, "machineType": "n1-standard-4"}
    assert bench.refusal("POST", VERSIONS, body)[:2] == (501, "UNIMPLEMENTED")


@pytest.mark.parametrize(
    "fields, said",
    [
        ({"deploymentUri": "gs://models/nothing"}, "does not exist"),
        ({"deploymentUri": "gs://models/empty"}, "is empty"),
        ({"deploymentUri": "gs://models/../x"}, "contains '..'"),
        ({"packageUris": ["gs://models/none.whl"]}, "The package gs://models/none.whl does not exist"),
    ],
)
def test_files_that_are_not_there(bench, fields, said):
    code, status, message = bench.refusal("POST", VERSIONS, {"name": "v", **SKLEARN, **fields})
    assert (code, status) == (400, "FAILED_PRECONDITION")
    assert message.startswith("Field: version.deployment_uri Error:")
    assert said in message


def test_at_most_a_thousand_files(bench):
    folder = bench.bucket / "sklearn" / "parts"
    folder.mkdir()
    for number in range(1000):
        (folder / str(number)).touch()
    refused = bench.refusal("POST", VERSIONS, {"name": "v", **SKLEARN})
    assert refused[1] == "FAILED_PRECONDITION"
    assert "more than 1000 files" in refused[2]
    (folder / "0").unlink()
    assert "response" in bench.create_version("v")


def test_a_link_may_not_lead_out(bench, tmp_path):
    (tmp_path / "secret").write_text("hush")
    (bench.bucket / "sklearn" / "extra").symlink_to(tmp_path / "secret")
    assert "no file of the deployment" in bench.refusal("POST", VERSIONS, {"name": "v", **SKLEARN})[2]


def test_the_copy_serves_on_when_the_original_is_gone(bench):
    bench.create_version("v", **ROUTINE)
    (bench.bucket / "routine" / "factor.json").unlink()
    assert bench.predict([2]) == {"predictions": [6]}


def test_one_name_once(bench):
    bench.create_version("v")
    refused = bench.refusal("POST", VERSIONS, {"name": "v", **SKLEARN})
    assert refused[:2] == (409, "ALREADY_EXISTS")
    assert bench.refusal("POST", f"{PARENT}/models/n/versions", {"name": "v", **SKLEARN})[0] == 404


def test_the_default_version(bench):
    bench.create_version("a")
    bench.create_version("b")
    assert "isDefault" not in bench.call("GET", f"{VERSIONS}/b")
    refused = bench.refusal("DELETE", f"{VERSIONS}/a")
    assert refused[:2] == (400, "FAILED_PRECONDITION")
    assert bench.call("POST", f"{VERSIONS}/b:setDefault")["isDefault"] is True
    patch = {"defaultVersion": {"name": "projects/demo/models/m/versions/a"}}
    changed = bench.call("PATCH", f"{PARENT}/models/m?updateMask=default_version.name", patch)
    assert changed["response"]["defaultVersion"]["name"].endswith("/a")
    bench.call("DELETE", f"{VERSIONS}/b")
    done = bench.call("DELETE", f"{VERSIONS}/a")
    assert done["metadata"]["version"]["name"].endswith("/a")
    assert "defaultVersion" not in bench.call("GET", f"{PARENT}/models/m")
    assert list((bench.root / "models").iterdir()) == []


def test_patch(bench):
    made = bench.create_version("v")["response"]
    body = {"description": "d", "autoScaling": {"minNodes": 1, "maxNodes": 3}, "etag": made["etag"]}
    mask = "description,auto_scaling.min_nodes,autoScaling.maxNodes"
    done = bench.call("PATCH", f"{VERSIONS}/v?updateMask={mask}", body)
    assert done["metadata"]["operationType"] == "UPDATE_VERSION"
    now = bench.call("GET", f"{VERSIONS}/v")
    assert (now["description"], now["autoScaling"]) == ("d", {"minNodes": 1, "maxNodes": 3})
    assert bench.refusal("PATCH", f"{VERSIONS}/v?updateMask=labels", {"etag": made["etag"]})[1] == "ABORTED"
    refused = bench.refusal(
        "PATCH", f"{VERSIONS}/v?updateMask=autoScaling.minNodes", {"autoScaling": {"minNodes": 9}}
    )
    assert "max_nodes" in refused[2]
    assert "framework" in bench.refusal("PATCH", f"{VERSIONS}/v?updateMask=framework", {})[2]


def test_pages_of_operations(bench):
    for name in ("a", "b", "c"):
        bench.create_version(name)
    path = f"{PARENT}/operations"
    first = bench.call("GET", f"{path}?pageSize=2")
    rest = bench.call("GET", f"{path}?pageSize=2&pageToken={first['nextPageToken']}")
    names = [o["name"].partition("/create_m_")[2][0] for o in first["operations"] + rest["operations"]]
    assert names == ["c", "b", "a"]
    found = bench.call("GET", f"{path}?filter=metadata.version.name:versions/b")
    assert len(found["operations"]) == 1


def test_operations_that_are_not_there(bench):
    assert bench.refusal("GET", f"{PARENT}/operations/create_m_v-1")[0] == 404
    assert bench.refusal("POST", f"{PARENT}/operations/create_m_v-1:cancel")[0] == 404


def test_to_cancel_what_has_ended_is_fine(bench):
    ended = bench.create_version("v")
    assert bench.call("POST", f"/v1/{ended['name']}:cancel") == {}
    assert bench.call("GET", f"/v1/{ended['name']}") == ended
