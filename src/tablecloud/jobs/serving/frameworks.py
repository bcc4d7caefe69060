"""Load a model from its folder, whatever framework made it, and give one way to ask it.

Runs inside worker processes only, because to unpickle is to execute. Nothing but the standard library is
imported before a model needs it. Contract: ml-jobs-service 3.4.
"""

from __future__ import annotations

import contextlib
import pickle
import pydoc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tablecloud.jobs.serving.failures import INPUTS, LOAD, OUTPUTS, RUN, USER_CODE, ModelFailure

SCIKIT_LEARN, XGBOOST, TENSORFLOW, CUSTOM = "SCIKIT_LEARN", "XGBOOST", "TENSORFLOW", "CUSTOM"
"""Frameworks; CUSTOM is a custom prediction routine, which the API calls by no name."""

_PICKLED, _SAVED, _BOOSTER = (
    ("model.joblib", "model.pkl"),
    ("saved_model.pb", "saved_model.pbtxt"),
    "model.bst",
)

Ask = Callable[..., list[Any]]
"""`predict(instances, **kwargs)`: one prediction for each instance, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model ready to be asked."""

    framework: str
    """SCIKIT_LEARN, XGBOOST, TENSORFLOW or CUSTOM."""
    predict: Ask
    """Raises ModelFailure."""


def load(model_dir: str | Path, framework: str = "", prediction_class: str = "") -> LoadedModel:
    """Load the model of a folder.

    Parameters:
        framework: SCIKIT_LEARN, XGBOOST or TENSORFLOW; empty finds out from the folder's files.
        prediction_class: dotted name of a custom prediction routine; the files are then its own affair.

    Raises:
        ModelFailure: LOAD or USER_CODE.
    """
    folder = Path(model_dir)
    if prediction_class:
        return LoadedModel(framework=CUSTOM, predict=_custom(folder, prediction_class))
    if not framework:
        framework = _framework_by_files(folder)
    if framework == TENSORFLOW:
        from tablecloud.jobs.serving.saved_model import load_saved_model

        return LoadedModel(framework=TENSORFLOW, predict=load_saved_model(folder))
    if framework == XGBOOST:
        return LoadedModel(framework=XGBOOST, predict=_xgboost(_xgboost_model(folder)))
    model = _unpickled(_pickle_file(folder))
    detected = framework or _framework_of(model)
    return LoadedModel(
        framework=detected, predict=_xgboost(model) if detected == XGBOOST else _scikit_learn(model)
    )


def _framework_by_files(folder: Path) -> str:
    """Return the framework that the names of a folder's files tell; empty where a pickle must be opened.

    Raises:
        ModelFailure: several models, or none.
    """
    names = [name for name in (*_SAVED, _BOOSTER, *_PICKLED) if (folder / name).is_file()]
    if len(names) > 1:
        raise ModelFailure(LOAD, f"Multiple model files are found in the model_path: {', '.join(names)}.")
    if not names:
        expected = ", ".join((*_PICKLED, _BOOSTER, _SAVED[0]))
        raise ModelFailure(LOAD, f"The model folder must hold one of these files: {expected}.")
    return TENSORFLOW if names[0] in _SAVED else XGBOOST if names[0] == _BOOSTER else ""


def _pickle_file(folder: Path) -> Path:
    for name in _PICKLED:
        if (folder / name).is_file():
            return folder / name
    raise ModelFailure(LOAD, f"The model folder must hold one of these files: {', '.join(_PICKLED)}.")


def _unpickled(path: Path) -> Any:
    """Return the object in a joblib or pickle file.

    Raises:
        ModelFailure: it cannot be loaded.
    """
    try:
        if path.suffix == ".pkl":
            with path.open("rb") as file:
                return pickle.load(file)  # noqa: S301 - what this process is for
        return _import("joblib", "scikit-learn").load(path)
    except ModelFailure:
        raise
    except KeyError as error:
        # What joblib says to a booster that was saved with XGBoost's own `save_model` under this name.
        with contextlib.suppress(ModelFailure):
            return _booster(path)
        raise ModelFailure(LOAD, f"Could not load the model: {path.name}. {_words(error)}") from error
    except Exception as error:
        raise ModelFailure(LOAD, f"Could not load the model: {path.name}. {_words(error)}") from error


def _words(error: Exception) -> str:
    text = f"{type(error).__name__}: {error}."
    if "pickle protocol" in str(error):
        text += " Save the model with the Python version that serves it."
    return text


def _framework_of(model: Any) -> str:
    kind = type(model)
    if "sklearn" in kind.__module__:
        return SCIKIT_LEARN
    if "xgboost" in kind.__module__:
        return XGBOOST
    raise ModelFailure(
        LOAD,
        f"Invalid model type detected: {kind.__module__}.{kind.__name__}. The file must hold a scikit-learn "
        "model or pipeline, or an XGBoost model; anything else needs a prediction class.",
    )


def _import(module: str, product: str) -> Any:
    try:
        return __import__(module)
    except ImportError as error:
        raise ModelFailure(
            LOAD,
            f"{product} cannot be imported where the model is served ({error}). Install it beside the "
            f"service with: pip install {product}",
        ) from error


def _xgboost_model(folder: Path) -> Any:
    path = folder / _BOOSTER
    return _booster(path) if path.is_file() else _unpickled(_pickle_file(folder))


def _booster(path: Path) -> Any:
    xgboost = _import("xgboost", "xgboost")
    try:
        return xgboost.Booster(model_file=str(path))
    except Exception as error:
        raise ModelFailure(LOAD, f"Could not load the model: {path.name}. {error}.") from error


def _scikit_learn(model: Any) -> Ask:
    def predict(instances: Sequence[Any], **kwargs: Any) -> list[Any]:
        kwargs.pop("signature_name", None)
        try:
            return _as_list(model.predict(list(instances), **kwargs))
        except ModelFailure:
            raise
        except Exception as error:
            raise ModelFailure(RUN, f"{type(error).__name__}: {error}") from error

    return predict


def _xgboost(model: Any) -> Ask:
    numpy, xgboost = _import("numpy", "numpy"), _import("xgboost", "xgboost")
    booster = model if isinstance(model, xgboost.Booster) else model.get_booster()

    def predict(instances: Sequence[Any], **kwargs: Any) -> list[Any]:
        kwargs.pop("signature_name", None)
        try:
            matrix = xgboost.DMatrix(numpy.array(instances), feature_names=booster.feature_names)
        except Exception as error:
            raise ModelFailure(
                INPUTS, f"Could not initialize DMatrix from inputs: {type(error).__name__}: {error}"
            ) from error
        try:
            return _as_list(booster.predict(matrix, **kwargs))
        except Exception as error:
            raise ModelFailure(RUN, f"{type(error).__name__}: {error}") from error

    return predict


def _as_list(predictions: Any) -> list[Any]:
    if isinstance(predictions, list):
        return predictions
    if type(predictions).__module__ == "numpy" and getattr(predictions, "ndim", 0) > 0:
        values: list[Any] = predictions.tolist()
        return values
    raise ModelFailure(OUTPUTS, f"Predictions must be a list or an array, not {type(predictions).__name__}.")


def _custom(folder: Path, name: str) -> Ask:
    predictor = _predictor(folder, name)

    def predict(instances: Sequence[Any], **kwargs: Any) -> list[Any]:
        try:
            predictions = predictor.predict(list(instances), **kwargs)
        except Exception as error:
            raise ModelFailure(USER_CODE, f"{type(error).__name__}: {error}") from error
        return _as_list(predictions)

    return predict


def _predictor(folder: Path, name: str) -> Any:
    """Return the instance that a custom prediction routine makes for a folder.

    Raises:
        ModelFailure: USER_CODE: the class is not there, has the wrong shape, or fails.
    """
    try:
        found = pydoc.locate(name)
    except Exception as error:
        raise ModelFailure(USER_CODE, f"{name} cannot be imported: {_words(error)}") from error
    if not isinstance(found, type):
        raise ModelFailure(USER_CODE, f"{name} cannot be found. Is its package in packageUris?")
    _check_shape(found, name)
    try:
        return found.from_path(str(folder))  # type: ignore[attr-defined]
    except Exception as error:
        raise ModelFailure(USER_CODE, f"{name}.from_path failed: {_words(error)}") from error


def _check_shape(found: type, name: str) -> None:
    import inspect

    from_path = inspect.getattr_static(found, "from_path", None)
    if not isinstance(from_path, classmethod | staticmethod):
        raise ModelFailure(USER_CODE, f"{name} must have a class method from_path(model_dir).")
    predict = inspect.getattr_static(found, "predict", None)
    if not inspect.isfunction(predict):
        raise ModelFailure(USER_CODE, f"{name} must have a method predict(self, instances, **kwargs).")
    parameters = inspect.signature(predict).parameters.values()
    positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty]
    if len(positional) != 2 or not any(p.kind is p.VAR_KEYWORD for p in parameters):
        raise ModelFailure(USER_CODE, f"{name}.predict must take exactly (self, instances, **kwargs).")
