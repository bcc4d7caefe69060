from collections.abc import Iterator

import pytest
from model_bench import ROUTINE, ModelBench


@pytest.fixture
def bench(tmp_path) -> Iterator[ModelBench]:
    made = ModelBench(tmp_path / "root")
    yield made
    made.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[ModelBench]:
    """A bench with the model `m` and its ready versions `v` (scikit-learn, default) and `r` (a routine)."""
    made = ModelBench(tmp_path_factory.mktemp("served") / "root")
    made.create_model()
    shapley = {"explanationConfig": {"sampledShapleyAttribution": {"numPaths": 2}}}
    assert "response" in made.create_version("v", deploymentUri="gs://models/sklearn", **shapley)
    assert "response" in made.create_version("r", **ROUTINE)
    yield made
    made.close()
