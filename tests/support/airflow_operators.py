"""Run Airflow's ml engine operators in turn, as its workers do; for an interpreter that has Airflow.

Arguments: the service's URL and the file of its token. Prints one JSON object: step -> what it gave. The only
things put in place are the address, the token, and short waits between polls.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from airflow.providers.google.cloud.hooks import mlengine as hooks
from airflow.providers.google.cloud.operators import mlengine as operators
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build

URL, TOKEN_FILE = sys.argv[1:]
PROJECT = "airflow"
WHERE: dict[str, Any] = {"project_id": PROJECT, "region": "us-central1"}
FINISHED = "finished_job"


class Hook(hooks.MLEngineHook):
    """Airflow's hook with our address: it has no setting of its own for it."""

    def get_conn(self) -> Any:
        credentials = Credentials(Path(TOKEN_FILE).read_text().strip())
        return build("ml", "v1", credentials=credentials, client_options={"api_endpoint": URL})


class TaskInstance:
    """What an operator is given to tell other tasks something."""

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any, **_: Any) -> None:
        self.told[key] = value


def run(kind: str, **arguments: Any) -> Any:
    """Execute one operator; return what it gave, or the text of what it raised."""
    operator = getattr(operators, f"MLEngine{kind}Operator")(task_id=kind, **arguments)
    instance = TaskInstance()
    try:
        return operator.execute({"ti": instance, "task_instance": instance})
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def train(job_id: str, *args: str, module: str = "train_sklearn.task") -> Any:
    return run(
        "StartTrainingJob",
        job_id=job_id,
        package_uris=["gs://data/train_sklearn-0.1-py3-none-any.whl"],
        training_python_module=module,
        training_args=list(args),
        job_dir="gs://data/trained",
        runtime_version="2.11",
        python_version="3.7",
        labels={"owner": "airflow"},
        **WHERE,
    )


def version(name: str) -> Any:
    document = {
        "name": name,
        "deploymentUri": "gs://data/trained/model",
        "framework": "SCIKIT_LEARN",
        "runtimeVersion": "2.11",
        "pythonVersion": "3.7",
    }
    return run("CreateVersion", project_id=PROJECT, model_name="m", version=document)


def predict(job_id: str, **source: str) -> Any:
    files: dict[str, Any] = {"data_format": "TEXT", "input_paths": ["gs://data/in.json"]}
    return run(
        "StartBatchPredictionJob",
        job_id=job_id,
        output_path=f"gs://data/{job_id}",
        **files,
        **source,
        **WHERE,
    )


def main() -> None:
    naps = hooks.time.sleep
    hooks.time.sleep = operators.time.sleep = lambda seconds: naps(min(seconds, 0.2))
    hooks.MLEngineHook = operators.MLEngineHook = Hook
    of_model = {"project_id": PROJECT, "model_name": "m"}
    steps = {
        "train": lambda: train(FINISHED, "--data=gs://data/train.csv"),
        "train again": lambda: train(FINISHED, "--data=gs://data/train.csv"),
        "train badly": lambda: train("failing_job", "--data=gs://data/none.csv"),
        "cancel finished": lambda: run("TrainingCancelJob", project_id=PROJECT, job_id=FINISHED),
        "cancel unknown": lambda: run("TrainingCancelJob", project_id=PROJECT, job_id="none"),
        "job": lambda: Hook().get_job(PROJECT, FINISHED),
        "create model": lambda: run(
            "CreateModel", project_id=PROJECT, model={"name": "m", "regions": ["us-central1"]}
        ),
        "create v1": lambda: version("v1"),
        "create v2": lambda: version("v2"),
        "default": lambda: run("SetDefaultVersion", version_name="v2", **of_model),
        "versions": lambda: run("ListVersions", **of_model),
        "model": lambda: run("GetModel", **of_model),
        "predict": lambda: predict("by_version", model_name="m", version_name="v1"),
        "predict by default": lambda: predict("by_model", model_name="m"),
        "delete v1": lambda: run("DeleteVersion", version_name="v1", **of_model),
        "delete model": lambda: run("DeleteModel", delete_contents=True, **of_model),
        "model is gone": lambda: run("GetModel", **of_model),
    }
    print(json.dumps({name: step() for name, step in steps.items()}))


main()
