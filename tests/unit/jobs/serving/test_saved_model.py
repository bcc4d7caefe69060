"""TensorFlow in a worker process; runs where TensorFlow is installed."""

import importlib.util
import subprocess
import sys

import pytest

from tablecloud.jobs.serving.process import ModelError, ModelSource, WorkerProcess

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="TensorFlow is not installed"
)

BUILD = """
import sys, tensorflow as tf

class Model(tf.Module):
    def __init__(self):
        self.factor = tf.Variable(3.0)

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def scaled(self, x):
        return {"y": self.factor * x, "total": tf.reduce_sum(x, axis=1)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="a"),
                                  tf.TensorSpec([None], tf.int64, name="n")])
    def words(self, a, n):
        return {"text": a, "raw_bytes": a, "n": n + 1}

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def whole(self, x):
        return {"sum": tf.reduce_sum(x)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="a")])
    def strict(self, a):
        return {"b": tf.strings.to_number(a)}

model = Model()
signatures = {name: getattr(model, name) for name in ("words", "whole", "strict")}
tf.saved_model.save(model, sys.argv[1], signatures={"serving_default": model.scaled, **signatures})
"""


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "model"
    subprocess.run([sys.executable, "-c", BUILD, str(folder)], check=True, capture_output=True, timeout=200)
    with WorkerProcess(ModelSource(model_dir=folder)) as one:
        assert one.load(timeout=120) == "TENSORFLOW"
        yield one


def test_the_default_signature_takes_bare_values_and_names(worker):
    wanted = [{"y": [3.0, 6.0], "total": 3.0}]
    assert worker.predict([[1, 2]], timeout=60) == wanted
    assert worker.predict([{"x": [1, 2]}], timeout=60, signature_name="serving_default") == wanted


def test_strings_and_bytes(worker):
    rows = [{"a": "é", "n": 1}, {"a": {"b64": "AAE="}, "n": 2}]
    found = worker.predict(rows, timeout=60, signature_name="words")
    assert found[0] == {"text": "é", "raw_bytes": {"b64": "w6k="}, "n": 2}
    assert found[1]["raw_bytes"] == {"b64": "AAE="}


@pytest.mark.parametrize(
    "instances, kwargs, code, said",
    [
        ([[1, 2]], {"signature_name": "nope"}, 1, "No signature found for signature key nope."),
        ([{"y": 1}], {}, 1, "Invalid inputs"),
        ([{"a": "b"}], {"signature_name": "words"}, 1, "Instance 0 must have the inputs a, n"),
        ([{"a": {"b64": "!"}, "n": 1}], {"signature_name": "words"}, 1, "no base64"),
        ([["a", "b"]], {}, 1, "Invalid inputs"),
        ([[1, 2]], {"depth": 3}, 1, "take no argument depth"),
        (["x"], {"signature_name": "strict"}, 2, "StringToNumber"),
        ([[1, 2]], {"signature_name": "whole"}, 3, "The output sum has not one value"),
    ],
)
def test_failures(worker, instances, kwargs, code, said):
    with pytest.raises(ModelError) as failed:
        worker.predict(instances, timeout=60, **kwargs)
    assert (failed.value.code, said in failed.value.message) == (code, True), failed.value.message
