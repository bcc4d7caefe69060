"""Batch prediction from the API to the files, with real models; compared with the model called directly."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy
import pytest
from model_folders import routine_model, routine_package
from prediction_bench import JOBS, PredictionBench
from sklearn.linear_model import LinearRegression

from tablecloud.jobs.prediction import inputs


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[PredictionBench]:
    made = PredictionBench(tmp_path)
    yield made
    made.close()


@pytest.fixture
def model(bench: PredictionBench) -> LinearRegression:
    """A model of three features, saved where the jobs find it."""
    random = numpy.random.default_rng(7)
    features = random.normal(size=(200, 3))
    trained = LinearRegression().fit(features, features @ [1.5, -2.0, 0.25] + 4)
    folder = bench.gcs / "data" / "model"
    folder.mkdir(parents=True)
    joblib.dump(trained, folder / "model.joblib")
    return trained


def rows(count: int) -> list[list[float]]:
    return numpy.random.default_rng(count).normal(size=(count, 3)).tolist()


def as_lines(values: list) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def test_predictions_are_the_models_own(bench: PredictionBench, model: LinearRegression) -> None:
    instances = rows(500)
    bench.put("in/a.json", as_lines(instances[:200]))
    bench.put("in/b.json", as_lines(instances[200:]))
    job = bench.run("plain")
    assert job["state"] == "SUCCEEDED", (job, bench.lines("plain"))
    output = job["predictionOutput"]
    assert output.pop("nodeHours") > 0
    assert output == {"outputPath": "gs://data/plain", "predictionCount": "500", "errorCount": "0"}
    files = bench.outputs("plain")
    assert sorted(files) == ["prediction.errors_stats-00000-of-00001", "prediction.results-00000-of-00001"]
    assert files["prediction.errors_stats-00000-of-00001"] == ""
    # In the batches that the job makes: sums of floating point numbers depend on how they are grouped.
    direct = [p for i in range(0, 500, 64) for p in model.predict(instances[i : i + 64]).tolist()]
    assert bench.predictions("plain") == direct


def test_one_bad_line_costs_one_record(bench: PredictionBench, model: LinearRegression) -> None:
    good = rows(100)
    bench.put("in/a.json", as_lines(good[:50]) + "[1, 2\n\n[1, 2]\n" + as_lines(good[50:]))
    job = bench.run("bad_lines")
    assert job["state"] == "SUCCEEDED"
    assert job["predictionOutput"]["predictionCount"] == "100"
    assert job["predictionOutput"]["errorCount"] == "2"
    assert len(bench.predictions("bad_lines")) == 100
    said = bench.lines("bad_lines")
    assert "Predicting 1 file of 6" in " ".join(said)
    assert "100 predictions, 2 errors." in said
    assert "1 record failed with: Invalid input: the line is not one JSON value." in said
    stats = bench.outputs("bad_lines")["prediction.errors_stats-00000-of-00001"]
    [first, second] = [eval(line) for line in stats.splitlines()]
    assert first[0].startswith("Failed to run the provided model: ") and first[1] == 1
    assert second == ("Invalid input: the line is not one JSON value.", 1)


def test_shards_do_not_depend_on_the_workers(
    bench: PredictionBench, model: LinearRegression, tmp_path: Path
) -> None:
    big = as_lines(rows(60_000))
    assert len(big) > 3 * inputs.SHARD_BYTES
    bench.put("in/a.json", big)
    bench.put("in/b.json", as_lines(rows(10)))
    assert bench.run("two_workers", maxWorkerCount="3", batchSize="1000")["state"] == "SUCCEEDED"
    bench.close()
    bench.settings = type(bench.settings)(root=bench.settings.root, cpus=1.0)
    bench.open()
    assert bench.run("one_worker", maxWorkerCount="3", batchSize="1000")["state"] == "SUCCEEDED"
    files = bench.outputs("two_workers")
    assert [name for name in files if "results" in name] == [
        f"prediction.results-0000{number}-of-00003" for number in range(3)
    ]
    assert files == bench.outputs("one_worker")
    assert len(bench.predictions("two_workers")) == 60_010


def test_csv(bench: PredictionBench, model: LinearRegression) -> None:
    instances = rows(5)
    bench.put("in/a.json", as_lines(instances))
    bench.put("csv/prediction.results-00000-of-00007", "stale")
    job = bench.run("csv", outputDataFormat="CSV")
    assert job["state"] == "SUCCEEDED"
    files = bench.outputs("csv")
    assert sorted(files) == [
        "prediction.errors_stats-00000-of-00001",
        "prediction.results-00000-of-00001.csv",
        "prediction.results_header.csv",
    ]
    assert files["prediction.results_header.csv"] == "prediction\n"
    values = [float(line) for line in files["prediction.results-00000-of-00001.csv"].splitlines()]
    assert values == model.predict(instances).tolist()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"inputPaths": ["gs://data/none/*.json"]}, "gs://data/none/*.json matches no file"),
        ({"inputPaths": ["gs://data/in"]}, "gs://data/in/*"),
        ({"uri": "gs://data/nothing"}, "gs://data/nothing does not exist"),
        ({"uri": "gs://data/in"}, "Failed to load model"),
        ({"dataFormat": "TF_RECORD"}, "gs://data/in/a.json is no TFRecord file"),
        ({"outputPath": "gs://data/in/a.json"}, "cannot write to gs://data/in/a.json"),
    ],
)
def test_what_cannot_work_fails_with_a_reason(
    bench: PredictionBench, model: LinearRegression, given: dict, words: str
) -> None:
    bench.put("in/a.json", as_lines(rows(3)))
    job = bench.run("hopeless", **given)
    assert job["state"] == "FAILED"
    assert words in job["errorMessage"]


def test_no_prediction_at_all_is_a_failure_that_leaves_its_statistics(
    bench: PredictionBench, model: LinearRegression
) -> None:
    bench.put("in/a.json", "[1]\n[2]\nx\n")
    job = bench.run("nothing")
    assert job["state"] == "FAILED"
    assert "None of the 3 records got a prediction" in job["errorMessage"]
    assert job["predictionOutput"]["errorCount"] == "3"
    assert len(bench.outputs("nothing")["prediction.errors_stats-00000-of-00001"].splitlines()) == 2


def test_no_records_are_no_failure(bench: PredictionBench, model: LinearRegression) -> None:
    bench.put("in/a.json", "")
    job = bench.run("empty")
    assert job["state"] == "SUCCEEDED"
    assert job["predictionOutput"]["predictionCount"] == "0"
    assert bench.outputs("empty")["prediction.results-00000-of-00001"] == ""


def test_xgboost(bench: PredictionBench) -> None:
    xgboost = pytest.importorskip("xgboost", reason="the xgboost extra is not installed")
    instances = rows(300)
    data = xgboost.DMatrix(numpy.array(instances), label=[sum(row) for row in instances])
    booster = xgboost.train({"max_depth": 3, "nthread": 1}, data, num_boost_round=5)
    folder = bench.gcs / "data" / "model"
    folder.mkdir(parents=True)
    booster.save_model(folder / "model.ubj")
    (folder / "model.ubj").rename(folder / "model.bst")
    bench.put("in/a.json", as_lines(instances))
    job = bench.run("boosted")
    assert job["state"] == "SUCCEEDED", (job, bench.lines("boosted"))
    assert bench.predictions("boosted") == booster.predict(xgboost.DMatrix(numpy.array(instances))).tolist()


def make_version(bench: PredictionBench, **fields: Any) -> None:
    """Create `projects/demo/models/m` with the version `v`, its default."""
    assert bench.send("POST", "/v1/projects/demo/models", {"name": "m"})[0] == 200
    status, operation = bench.send("POST", "/v1/projects/demo/models/m/versions", {"name": "v", **fields})
    assert status == 200, operation
    while not operation["done"]:
        time.sleep(0.05)
        _, operation = bench.send("GET", f"/v1/{operation['name']}")
    assert "error" not in operation, operation


@pytest.mark.parametrize("by", ["modelName", "versionName"])
def test_a_version_is_asked_from_its_own_copy(
    bench: PredictionBench, model: LinearRegression, by: str
) -> None:
    make_version(bench, deploymentUri="gs://data/model", framework="SCIKIT_LEARN")
    (bench.gcs / "data" / "model" / "model.joblib").unlink()
    instances = rows(10)
    bench.put("in/a.json", as_lines(instances))
    name = "projects/demo/models/m" + ("/versions/v" if by == "versionName" else "")
    job = bench.run("versioned", **{by: name})
    assert job["state"] == "SUCCEEDED", (job, bench.lines("versioned"))
    assert job["predictionInput"][by] == name
    assert bench.predictions("versioned") == model.predict(instances).tolist()


def test_a_custom_prediction_routine_with_its_package(bench: PredictionBench) -> None:
    routine_model(bench.gcs / "data" / "routine", factor=3)
    package = routine_package(bench.gcs / "data" / "packages")
    make_version(
        bench,
        deploymentUri="gs://data/routine",
        predictionClass="routine.predictor.Predictor",
        packageUris=[f"gs://data/packages/{package.name}"],
        machineType="mls1-c1-m2",
    )
    bench.put("in/a.json", as_lines([1, [1, 2], "fail", "nan", "raw", "environment"]))
    job = bench.run("routine", versionName="projects/demo/models/m/versions/v")
    assert job["state"] == "SUCCEEDED", (job, bench.lines("routine"))
    *simple, environment = bench.predictions("routine")
    assert simple == [3, 9, "NaN", {"b64": "AAE="}]
    assert environment["CLOUD_ML_JOB_ID"] == "routine"
    assert environment["OMP_NUM_THREADS"] == "1"
    assert not [name for name in environment if "PLAN" in name or name == "PYTHONPATH"]
    stats = bench.outputs("routine")["prediction.errors_stats-00000-of-00001"]
    assert "custom prediction code: ValueError: no such thing" in stats


@pytest.mark.parametrize(
    ("given", "field", "status", "words"),
    [
        ({"modelName": "projects/demo/models/none"}, "model_name", 404, "not found"),
        ({"modelName": "projects/demo/models/m"}, "model_name", 400, "no default version"),
        ({"versionName": "projects/demo/models/m/versions/x"}, "version_name", 404, "not found"),
    ],
)
def test_a_model_that_cannot_be_asked_is_told_at_once(
    bench: PredictionBench, given: dict, field: str, status: int, words: str
) -> None:
    assert bench.send("POST", "/v1/projects/demo/models", {"name": "m"})[0] == 200
    prediction = {"dataFormat": "JSON", "inputPaths": ["gs://data/x"], "outputPath": "gs://data/y"}
    body = {"jobId": "a", "predictionInput": {**prediction, "region": "us-central1", **given}}
    code, reply = bench.send("POST", JOBS, body)
    assert code == status, reply
    assert reply["error"]["message"].startswith(f"Field: prediction_input.{field} Error: ")
    assert words in reply["error"]["message"]
    assert bench.send("GET", JOBS) == (200, {})


def test_refusals_leave_no_job(bench: PredictionBench) -> None:
    status, reply = bench.send("POST", JOBS, {"jobId": "a", "predictionInput": {"uri": "gs://data/m"}})
    assert (status, reply["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert bench.send("GET", JOBS) == (200, {})
