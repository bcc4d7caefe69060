"""Trainers of every framework, and programs that ask what they leave without any of our code.

Each trainer is the module `task` of a wheel: it reads a CSV (target first) from a bucket and uploads a model
to `--job-dir`, by google-cloud-storage. Each oracle is a program for a plain interpreter: its arguments are
a model's folder and a list of instances as JSON, and it prints predictions as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass, field

_READ = """
import argparse, csv, io, pathlib, tempfile
from google.cloud import storage

given = argparse.ArgumentParser()
given.add_argument("--data")
given.add_argument("--job-dir")
given = given.parse_args()
def blob(uri):
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    return storage.Client().bucket(bucket).blob(name)
rows = [[float(cell) for cell in row] for row in csv.reader(io.StringIO(blob(given.data).download_as_text()))]
targets, features = [row[0] for row in rows], [row[1:] for row in rows]
folder = pathlib.Path(tempfile.mkdtemp())
print("training on", len(rows), "rows")
"""

_WRITE = """
for path in folder.rglob("*"):
    if path.is_file():
        blob(f"{given.job_dir}/model/{path.relative_to(folder)}").upload_from_filename(path)
"""

_SKLEARN = """
import joblib
from sklearn.ensemble import RandomForestRegressor
model = RandomForestRegressor(n_estimators=20, random_state=0).fit(features, targets)
joblib.dump(model, folder / "model.joblib")
"""

_XGBOOST = """
import xgboost
data = xgboost.DMatrix(features, label=targets)
xgboost.train({"max_depth": 3, "seed": 0, "nthread": 1}, data, 20).save_model(folder / "model.bst")
"""

_ROUTINE = """
import json
near = dict(zip(map(str, features), targets))
(folder / "mean.json").write_text(json.dumps([sum(column) / len(column) for column in zip(*features)]))
"""

ROUTINE_PREDICTOR = """
import json, pathlib

class Distance:
    def __init__(self, mean):
        self.mean = mean

    def predict(self, instances, **kwargs):
        return [sum((a - b) ** 2 for a, b in zip(row, self.mean)) for row in instances]

    @classmethod
    def from_path(cls, folder):
        return cls(json.loads((pathlib.Path(folder) / "mean.json").read_text()))
"""

_TENSORFLOW = """
import tensorflow as tf
tf.random.set_seed(0)
x, y = tf.constant(features), tf.constant(targets)[:, None]

class Linear(tf.Module):
    def __init__(self):
        self.w = tf.Variable(tf.linalg.lstsq(tf.concat([x, tf.ones([len(rows), 1])], 1), y))

    @tf.function(input_signature=[tf.TensorSpec([None, len(features[0])], tf.float32, name="x")])
    def serve(self, x):
        return {"y": tf.squeeze(tf.matmul(tf.concat([x, tf.ones([tf.shape(x)[0], 1])], 1), self.w), 1)}

model = Linear()
tf.saved_model.save(model, str(folder), signatures={"serving_default": model.serve})
"""

_ASKED = "import json, sys\nfolder, instances = sys.argv[1], json.loads(sys.argv[2])\n"
_SAY = "\nprint(json.dumps(answers))\n"
_ORACLES = {
    "sklearn": "import joblib\nanswers = joblib.load(folder + '/model.joblib').predict(instances).tolist()",
    "xgboost": "import xgboost\nmodel = xgboost.Booster(model_file=folder + '/model.bst')\n"
    "answers = model.predict(xgboost.DMatrix(instances)).tolist()",
    "routine": "mean = json.load(open(folder + '/mean.json'))\n"
    "answers = [sum((a - b) ** 2 for a, b in zip(row, mean)) for row in instances]",
    "tensorflow": "import tensorflow as tf\nmodel = tf.saved_model.load(folder)\n"
    "y = model.signatures['serving_default'](x=tf.constant(instances, tf.float32))['y'].numpy()\n"
    "answers = [{'y': value} for value in y.tolist()]",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Framework:
    """How a model of one framework is trained, deployed and asked directly."""

    name: str
    module: str = ""
    """Import name of what it needs."""
    trainer: str = ""
    """Source of the trainer; empty for the service's own algorithms."""
    image: str = ""
    """Image of the service's own algorithm."""
    oracle: str = ""
    fields: dict[str, object] = field(default_factory=dict)
    """Further fields of the version."""


def _framework(name: str, module: str, trainer: str, **more: object) -> Framework:
    return Framework(name=name, module=module, trainer=_READ + trainer + _WRITE, oracle=_oracle(name), **more)


def _oracle(name: str) -> str:
    return _ASKED + _ORACLES[name] + _SAY


def _algorithm(name: str, module: str, oracle: str) -> Framework:
    image = f"gcr.io/cloud-ml-algos/{name}:latest"
    return Framework(name=name, module=module, image=image, oracle=_oracle(oracle))


FRAMEWORKS = (
    _framework("sklearn", "sklearn", _SKLEARN, fields={"framework": "SCIKIT_LEARN"}),
    _framework("xgboost", "xgboost", _XGBOOST, fields={"framework": "XGBOOST"}),
    _framework("routine", "", _ROUTINE, fields={"predictionClass": "distance.predictor.Distance"}),
    _framework("tensorflow", "tensorflow", _TENSORFLOW, fields={"framework": "TENSORFLOW"}),
    _algorithm("boosted_trees", "xgboost", "xgboost"),
    _algorithm("linear_learner", "sklearn", "sklearn"),
)
