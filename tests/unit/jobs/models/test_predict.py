import msgspec
import pytest
from model_bench import PARENT, ROUTINE, ModelBench

from tablecloud.errors import JobError
from tablecloud.jobs.api.principals import Principals, local_principals
from tablecloud.jobs.models.lookup import find_source
from tablecloud.jobs.serving.process import WorkerProcess
from tablecloud.jobs.serving.settings import ServingSettings

V, R = "models/m/versions/v", "models/m/versions/r"


def test_the_default_version_answers_for_the_model(served):
    assert served.predict([[1, 1], [0, 0]])["predictions"] == pytest.approx([2, 1])
    assert served.predict([[1, 1]], V)["predictions"] == pytest.approx([2])
    assert served.predict([], V) == {"predictions": []}


def test_other_keys_are_arguments(served):
    assert served.predict([1, 2], R, plus=1) == {"predictions": [4, 7]}


def test_a_failing_model_has_the_classic_form(served):
    said = "Prediction failed: Error in the custom prediction code: ValueError: no such thing (Error code: 4)"
    assert served.predict(["fail"], R) == {"error": said}
    assert served.predict([[1, 2, 3]], V)["error"].startswith("Prediction failed: Failed to run the provided")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"instances": 1},
        {"instances": {}},
        [],
        1,
        b"{",
        b"",
        b'{"instances": [1',
        b'{"instances": ["\xff"]}',
        b'{"instances": [' + b"[" * 100_000,
    ],
)
def test_requests_that_are_none(served, body):
    assert served.refusal("POST", f"{PARENT}/{V}:predict", body)[:2] == (400, "INVALID_ARGUMENT")


def test_odd_but_valid_json(served):
    reply = served.send("POST", f"{PARENT}/{R}:predict", b'{"instances": [1e999]}')
    assert msgspec.json.decode(reply.body) == {"predictions": ["Infinity"]}
    last_wins = b'{"instances": 3, "instances": [1]}'
    assert served.call("POST", f"{PARENT}/{R}:predict", last_wins) == {"predictions": [3]}


def test_what_is_not_there(served):
    body = {"instances": []}
    assert served.refusal("POST", f"{PARENT}/models/x:predict", body)[0] == 404
    assert served.refusal("POST", f"{PARENT}/models/m/versions/x:predict", body)[0] == 404
    served.create_model("bare")
    refused = served.refusal("POST", f"{PARENT}/models/bare:predict", body)
    assert refused[:2] == (400, "FAILED_PRECONDITION")
    assert "no default version" in refused[2]


def test_a_worker_that_dies_is_replaced(served):
    code, status, message = served.refusal("POST", f"{PARENT}/{R}:predict", {"instances": ["die"]})
    assert (code, status) == (503, "UNAVAILABLE")
    assert "by signal 9" in message
    assert served.predict([1], R) == {"predictions": [3]}


def test_last_use_time(served):
    served.predict([1], R)
    assert served.call("GET", f"{PARENT}/{R}")["lastUseTime"].endswith("Z")


def test_explain(served):
    reply = served.call("POST", f"{PARENT}/{V}:explain", {"instances": [[1, 2]]})
    [explanation] = reply["explanations"]
    [found] = explanation["attributions_by_label"]
    assert found["attributions"]["features"] == pytest.approx([2, -2])
    assert found["baseline_score"] == pytest.approx(1)
    words = served.call("POST", f"{PARENT}/{V}:explain", {"instances": ["words"]})
    assert words["error"].startswith("Prediction failed: Invalid inputs: Instance 0 must be a list")
    refused = served.refusal("POST", f"{PARENT}/{R}:explain", {"instances": [[1]]})
    assert refused[1] == "FAILED_PRECONDITION"


def test_other_ways_to_explain(served):
    config = {"explanationConfig": {"xraiAttribution": {"numIntegralSteps": 2}}}
    served.create_version("xrai", deploymentUri="gs://models/sklearn", **config)
    path = f"{PARENT}/models/m/versions/xrai:explain"
    assert served.refusal("POST", path, {"instances": []})[:2] == (501, "UNIMPLEMENTED")


def test_who_may_predict(served):
    path, body = f"{PARENT}/{V}:predict", {"instances": []}
    people = local_principals("t")
    members = dict.fromkeys(people.members, "user:ann@example.com")
    owner = local_principals("the-servers-own-token")
    served.use(Principals(members={**owner.members, **members}, bindings=owner.bindings))
    try:
        assert served.refusal("POST", path, body, token="t")[:2] == (403, "PERMISSION_DENIED")
        policy = {"bindings": [{"role": "roles/ml.modelUser", "members": ["user:ann@example.com"]}]}
        served.call("POST", f"{PARENT}/models/m:setIamPolicy", {"policy": policy})
        assert served.call("POST", path, body, token="t") == {"predictions": []}
        assert served.call("GET", f"{PARENT}/{V}", token="t")["state"] == "READY"
        assert served.refusal("DELETE", f"{PARENT}/{V}", token="t")[0] == 403
    finally:
        served.use(owner)


@pytest.fixture
def strict(tmp_path):
    made = ModelBench(
        tmp_path / "root",
        ServingSettings(predict_timeout=0.5, errors_as_400=True, concurrency=1, total_concurrency=1),
    )
    made.create_model()
    made.create_version("v", **ROUTINE)
    yield made
    made.close()


def test_errors_with_400(strict):
    assert strict.predict(["fail"], status=400)["error"].startswith("Prediction failed: ")


def test_time_runs_out(strict):
    refused = strict.refusal("POST", f"{PARENT}/models/m:predict", {"instances": ["hang"]})
    assert refused[:2] == (504, "DEADLINE_EXCEEDED")
    assert strict.predict([1]) == {"predictions": [3]}


def test_too_many_at_a_time(strict):
    frame = msgspec.json.encode({"op": "predict", "request": {"instances": ["hang"]}})
    models = strict.service.models
    waiting = models.ask(models.servable("demo", "m", None), frame)
    refused = strict.refusal("POST", f"{PARENT}/models/m:predict", {"instances": [1]})
    assert refused[:2] == (429, "RESOURCE_EXHAUSTED")
    assert waiting.exception(timeout=60) is not None
    strict.call("DELETE", f"{PARENT}/models/m/versions/v")
    assert strict.refusal("POST", f"{PARENT}/models/m:predict", {"instances": [1]})[0] == 400


def test_what_a_batch_prediction_finds(served):
    source = find_source(served.root, "projects/demo/models/m")
    assert (source.model_dir / "model.joblib").is_file()
    assert (source.framework, source.prediction_class) == ("SCIKIT_LEARN", "")
    source = find_source(served.root, "projects/demo/models/m/versions/r")
    assert source.prediction_class == "routine.predictor.Predictor"
    with WorkerProcess(source) as worker:
        assert worker.load(timeout=60) == "CUSTOM"
        assert worker.predict([2], timeout=10) == [6]
    served.create_model("empty")
    for name in (
        "m",
        "projects/demo/models/x",
        "projects/demo/models/m/versions/x",
        "projects/demo/models/empty",
    ):
        with pytest.raises(JobError, match=r"is not the name|There is no"):
            find_source(served.root, name)
