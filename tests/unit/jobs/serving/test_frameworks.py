import pickle
import sys

import pytest
from model_folders import scikit_learn_model

from tablecloud.jobs.serving.failures import LOAD, ModelFailure
from tablecloud.jobs.serving.frameworks import load


@pytest.mark.parametrize("name", ["model.joblib", "model.pkl"])
@pytest.mark.parametrize("framework", ["", "SCIKIT_LEARN"])
def test_scikit_learn(tmp_path, name, framework):
    model = load(scikit_learn_model(tmp_path, name), framework)
    assert model.framework == "SCIKIT_LEARN"
    assert model.predict([[1, 0]], signature_name="ignored") == pytest.approx([3])


def test_joblib_wins_where_the_framework_is_given(tmp_path):
    scikit_learn_model(tmp_path)
    (tmp_path / "model.pkl").write_bytes(b"no pickle")
    assert load(tmp_path, "SCIKIT_LEARN").predict([[0, 0]]) == pytest.approx([1])
    with pytest.raises(ModelFailure, match=r"Multiple model files .*: model.joblib, model.pkl"):
        load(tmp_path)


@pytest.mark.parametrize(
    "files, framework, said",
    [
        ([], "", "must hold one of these files: model.joblib, model.pkl, model.bst, saved_model.pb"),
        ([], "SCIKIT_LEARN", "must hold one of these files: model.joblib, model.pkl"),
        (["model.pkl"], "", "Could not load the model: model.pkl. UnpicklingError"),
        (["model.joblib"], "", "Could not load the model: model.joblib. "),
    ],
)
def test_folders_that_hold_no_model(tmp_path, files, framework, said):
    for name in files:
        (tmp_path / name).write_bytes(b"nonsense")
    with pytest.raises(ModelFailure, match=said) as failed:
        load(tmp_path, framework)
    assert failed.value.code == LOAD
    assert str(failed.value).endswith("(Error code: 0)")


def test_a_pickle_of_something_else(tmp_path):
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(ValueError))
    with pytest.raises(ModelFailure, match=r"Invalid model type detected: builtins.type"):
        load(tmp_path)


def test_a_missing_framework_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "xgboost", None)
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    (tmp_path / "model.bst").write_bytes(b"")
    with pytest.raises(ModelFailure, match="pip install xgboost"):
        load(tmp_path)
    (tmp_path / "model.bst").rename(tmp_path / "saved_model.pb")
    with pytest.raises(
        ModelFailure, match=r"TensorFlow is not installed .* pip install 'tablecloud\[tensorflow"
    ):
        load(tmp_path)


def test_what_is_no_list(tmp_path, monkeypatch):
    model = load(scikit_learn_model(tmp_path))
    from sklearn.linear_model import LinearRegression

    monkeypatch.setattr(LinearRegression, "predict", lambda self, rows: "abc")
    with pytest.raises(ModelFailure, match="must be a list or an array, not str"):
        model.predict([[1, 1]])


def test_xgboost(tmp_path):
    xgboost = pytest.importorskip("xgboost")
    import numpy

    rows, wanted = numpy.array([[0.0], [1.0], [2.0], [3.0]]), numpy.array([0.0, 0.0, 1.0, 1.0])
    booster = xgboost.train({"max_depth": 1, "min_child_weight": 0}, xgboost.DMatrix(rows, wanted), 5)
    booster.save_model(tmp_path / "model.json")
    (tmp_path / "model.json").rename(tmp_path / "model.bst")
    model = load(tmp_path)
    assert model.framework == "XGBOOST"
    direct = booster.predict(xgboost.DMatrix(rows)).tolist()
    assert model.predict(rows.tolist(), signature_name="x") == direct
    with pytest.raises(ModelFailure, match="DMatrix"):
        model.predict([["a"]])
