"""What a PredictionInput must be: contract 3.1."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tablecloud.jobs.api.prediction_input import MAX_INPUT_BYTES, check_prediction
from tablecloud.jobs.api.principals import Principals
from tablecloud.jobs.wire.errors import ApiError

JOBS = "/v1/projects/demo/jobs"
GOOD = {
    "uri": "gs://bucket/model",
    "dataFormat": "JSON",
    "inputPaths": ["gs://bucket/in/*.json"],
    "outputPath": "gs://bucket/out",
    "region": "us-central1",
}


def without(*names: str, **given: Any) -> dict[str, Any]:
    return {name: value for name, value in {**GOOD, **given}.items() if name not in names}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"dataFormat": "TEXT"},
        {"dataFormat": "TF_RECORD"},
        {"dataFormat": "TF_RECORD_GZIP"},
        {"dataFormat": "DATA_FORMAT_UNSPECIFIED"},
        {"outputDataFormat": "CSV"},
        {"outputDataFormat": "DATA_FORMAT_UNSPECIFIED"},
        {"batchSize": "1", "maxWorkerCount": "1"},
        {"inputPaths": ["/data/a?.json", "file:///data/*"], "outputPath": "/out"},
        {"uri": "", "modelName": "projects/p/models/m_1"},
        {"uri": "", "versionName": "projects/other/models/m/versions/v1"},
        {"runtimeVersion": "2.11", "signatureName": "s"},
    ],
)
def test_good(given: dict[str, Any]) -> None:
    check_prediction({**GOOD, **given})


@pytest.mark.parametrize(
    ("prediction", "field"),
    [
        (without("uri"), "model_name"),
        (without(modelName="projects/p/models/m"), "model_name"),
        (without("uri", modelName="m"), "model_name"),
        (without("uri", modelName="projects/p/models/m/versions/v"), "model_name"),
        (without("uri", modelName="projects/p/models/1m"), "model_name"),
        (without("uri", versionName="projects/p/models/m"), "version_name"),
        (without(uri="bucket/model"), "uri"),
        (without(uri="gs://bucket/../x"), "uri"),
        (without("dataFormat"), "data_format"),
        (without(dataFormat="CSV"), "data_format"),
        (without(outputDataFormat="TEXT"), "output_data_format"),
        (without(outputDataFormat="TF_RECORD"), "output_data_format"),
        (without("inputPaths"), "input_paths"),
        (without(inputPaths=[]), "input_paths"),
        (without(inputPaths=["gs://bucket/a", "x"]), "input_paths[1]"),
        (without(inputPaths=["gs://bucket/a\nb"]), "input_paths[0]"),
        (without(inputPaths=["/" + "a" * MAX_INPUT_BYTES]), "input_paths"),
        (without("outputPath"), "output_path"),
        (without(outputPath="gs://Bucket"), "output_path"),
        (without(batchSize="0"), "batch_size"),
        (without(batchSize="-1"), "batch_size"),
        (without(batchSize="1000001"), "batch_size"),
        (without(maxWorkerCount="0"), "max_worker_count"),
        (without("region"), "region"),
        (without(region="Mars!"), "region"),
    ],
)
def test_bad(prediction: dict[str, Any], field: str) -> None:
    with pytest.raises(ApiError) as caught:
        check_prediction(prediction)
    assert caught.value.message.startswith(f"Field: prediction_input.{field} Error: ")


def test_created_and_echoed(bench) -> None:
    job = bench.call("POST", JOBS, {"jobId": "p", "predictionInput": {**GOOD, "batch_size": 5}})
    assert job["state"] == "QUEUED"
    assert job["predictionInput"] == {**GOOD, "batchSize": "5"}


def test_two_models_are_refused_by_the_reader(bench) -> None:
    both = {**GOOD, "modelName": "projects/demo/models/m"}
    code, status, message = bench.refusal("POST", JOBS, {"jobId": "p", "predictionInput": both})
    assert (code, status) == (400, "INVALID_ARGUMENT")
    assert "oneof" in message


def test_a_model_of_another_project_needs_the_permission_there(bench) -> None:
    """Without it nobody learns whether the model exists."""
    body = {"jobId": "p", "predictionInput": without("uri", modelName="projects/other/models/m")}
    assert bench.refusal("POST", JOBS, body)[:2] == (404, "NOT_FOUND")
    known = bench.api.principals
    bench.use(_only_in(known, "demo"))
    assert bench.refusal("POST", JOBS, body)[:2] == (403, "PERMISSION_DENIED")
    body["predictionInput"]["modelName"] = "projects/demo/models/m"
    assert bench.refusal("POST", JOBS, body)[:2] == (404, "NOT_FOUND")


def _only_in(principals: Principals, project: str) -> Principals:
    return replace(principals, bindings={project: principals.of_project(project)})
