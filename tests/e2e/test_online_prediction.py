"""Train, deploy and predict, all of it by SQL; the answers are those of the model called directly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tablecloud.connect import connect
from tablecloud.errors import RemoteError
from tablecloud.jobs.daemon import stop
from tablecloud.session import Session

sklearn = pytest.importorskip("sklearn", reason="the extra `serving` is not installed")

ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3], [5.9, 3.0, 4.2, 1.5]]


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with connect(tmp_path / "root") as made:
        yield made
    stop(tmp_path / "root" / "ml")


def test_a_deployed_model_answers_exec(session: Session, tmp_path: Path) -> None:
    import joblib
    from sklearn.datasets import load_iris
    from sklearn.tree import DecisionTreeClassifier

    model = DecisionTreeClassifier(random_state=0).fit(*load_iris(return_X_y=True))
    (tmp_path / "model").mkdir()
    joblib.dump(model, tmp_path / "model" / "model.joblib")
    session.execute("INSERT INTO google.ml.models (projectsId, data__name) VALUES ('p', 'm')").fetchall()
    session.execute(
        "INSERT /*+ AWAIT */ INTO google.ml.versions "
        "(projectsId, modelsId, data__name, deploymentUri, runtimeVersion, pythonVersion) "
        "VALUES ('p', 'm', 'v', $1, '2.11', '3.7')",
        [f"file://{tmp_path / 'model'}"],
    ).fetchall()
    asked = "EXEC google.ml.projects.predict @name = 'projects/p/models/m' @@json = $1"
    (answer,) = session.execute(asked, [json.dumps({"instances": ROWS})]).fetchall()
    assert json.loads(answer[0]) == {"predictions": model.predict(ROWS).tolist()}
    with pytest.raises(RemoteError, match="404"):
        session.execute(
            asked.replace("models/m", "models/none"), [json.dumps({"instances": ROWS})]
        ).fetchall()
