"""The methods of studies, their trials, and the operations they give. Contract: ml-jobs-service 1.11, 1.15.

Suggestions and checks are finished when their operation is first shown; clients poll it all the same.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from tablecloud.jobs.api.calls import Api, Call
from tablecloud.jobs.api.permissions import require
from tablecloud.jobs.api.places import LOCATIONS
from tablecloud.jobs.studies import model
from tablecloud.jobs.studies.model import Study, StudyName, StudyTrial
from tablecloud.jobs.tuning.parameters import BadParameter
from tablecloud.jobs.wire.errors import ApiError, field_error
from tablecloud.jobs.wire.json_reader import read_body
from tablecloud.jobs.wire.schemas import JsonObject
from tablecloud.jobs.wire.times import format_seconds

P = ParamSpec("P")
T = TypeVar("T")

_SCHEMA = "GoogleCloudMlV1__"
_TYPES = "type.googleapis.com/google.cloud.ml.v1."
_STUDY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}\Z")
_MOST_SUGGESTIONS = 100
_MOST_TEXT = 1024


async def create_study(api: Api, call: Call) -> JsonObject:
    """Begin a study.

    Raises:
        ApiError: INVALID_ARGUMENT, PERMISSION_DENIED, NOT_FOUND (the location), ALREADY_EXISTS.
    """
    body = read_body(f"{_SCHEMA}Study", call.body, path="study")
    require(api, call, "ml.studies.create")
    _check_location(call)
    study_id = call.query.get("studyId", "")
    if not _STUDY_ID.match(study_id):
        raise field_error(
            "study_id", "A study id has up to 128 letters, digits, dashes and underscores, and is required."
        )
    if not body.get("studyConfig"):
        raise field_error("study.study_config", "The study config is required.")
    name = StudyName(project=call.project, location=call.names["locationsId"], study=study_id)
    return _study(await _do(api.service.studies.create, name, body["studyConfig"]))


async def get_study(api: Api, call: Call) -> JsonObject:
    """Return one study.

    Raises:
        ApiError: PERMISSION_DENIED, NOT_FOUND.
    """
    require(api, call, "ml.studies.get")
    return _study(await _do(api.service.studies.rows.get, _name(call)))


async def list_studies(api: Api, call: Call) -> JsonObject:
    """Return the studies of a location, all of them; `{}` where there are none.

    Raises:
        ApiError: PERMISSION_DENIED, NOT_FOUND (the location).
    """
    require(api, call, "ml.studies.list")
    _check_location(call)
    studies = await _do(api.service.studies.rows.in_location, call.project, call.names["locationsId"])
    return {"studies": [_study(study) for study in studies]} if studies else {}


async def delete_study(api: Api, call: Call) -> JsonObject:
    """Remove a study with its trials.

    Raises:
        ApiError: PERMISSION_DENIED, NOT_FOUND.
    """
    require(api, call, "ml.studies.delete")
    await _do(api.service.studies.rows.delete, _name(call))
    return {}


async def create_trial(api: Api, call: Call) -> JsonObject:
    """Add a trial that the caller describes.

    Raises:
        ApiError: INVALID_ARGUMENT, PERMISSION_DENIED, NOT_FOUND, RESOURCE_EXHAUSTED.
    """
    body = read_body(f"{_SCHEMA}Trial", call.body, path="trial")
    require(api, call, "ml.trials.create")
    name = _name(call)
    return _trial(name, await _do_below("trial.", api.service.studies.create_trial, name, body))


async def get_trial(api: Api, call: Call) -> JsonObject:
    """Return one trial.

    Raises:
        ApiError: PERMISSION_DENIED, NOT_FOUND.
    """
    require(api, call, "ml.trials.get")
    name = _name(call)
    return _trial(name, await _do(api.service.studies.rows.trial, name, _trial_id(call)))


async def list_trials(api: Api, call: Call) -> JsonObject:
    """Return a study's trials, all of them; `{}` where there are none.

    Raises:
        ApiError: PERMISSION_DENIED, NOT_FOUND.
    """
    require(api, call, "ml.trials.list")
    name = _name(call)
    await _do(api.service.studies.rows.get, name)
    return _trials(name, await _do(api.service.studies.rows.trials, name))


async def delete_trial(api: Api, call: Call) -> JsonObject:
    """Remove a trial.

    Raises:
        ApiError: PERMISSION_DENIED, NOT_FOUND.
    """
    require(api, call, "ml.trials.delete")
    await _do(api.service.studies.rows.delete_trial, _name(call), _trial_id(call))
    return {}


async def add_measurement(api: Api, call: Call) -> JsonObject:
    """Add an intermediate measurement to a trial.

    Raises:
        ApiError: INVALID_ARGUMENT, PERMISSION_DENIED, NOT_FOUND, FAILED_PRECONDITION.
    """
    body = read_body(f"{_SCHEMA}AddTrialMeasurementRequest", call.body)
    require(api, call, "ml.trials.update")
    if "measurement" not in body:
        raise field_error("measurement", "The measurement is required.")
    name, studies = _name(call), api.service.studies
    return _trial(name, await _do(studies.add_measurement, name, _trial_id(call), body["measurement"]))


async def complete_trial(api: Api, call: Call) -> JsonObject:
    """End a trial.

    Raises:
        ApiError: INVALID_ARGUMENT, PERMISSION_DENIED, NOT_FOUND, FAILED_PRECONDITION.
    """
    body = read_body(f"{_SCHEMA}CompleteTrialRequest", call.body)
    require(api, call, "ml.trials.update")
    name = _name(call)
    return _trial(name, await _do(api.service.studies.complete, name, _trial_id(call), body))


async def stop_trial(api: Api, call: Call) -> JsonObject:
    """Ask for a trial's end.

    Raises:
        ApiError: INVALID_ARGUMENT, PERMISSION_DENIED, NOT_FOUND, FAILED_PRECONDITION.
    """
    read_body(f"{_SCHEMA}StopTrialRequest", call.body)
    require(api, call, "ml.trials.update")
    name = _name(call)
    return _trial(name, await _do(api.service.studies.stop, name, _trial_id(call)))


async def list_optimal_trials(api: Api, call: Call) -> JsonObject:
    """Return the best trial, or with several metrics the Pareto front.

    Raises:
        ApiError: INVALID_ARGUMENT, PERMISSION_DENIED, NOT_FOUND.
    """
    read_body(f"{_SCHEMA}ListOptimalTrialsRequest", call.body)
    require(api, call, "ml.trials.list")
    name = _name(call)
    return _trials(name, await _do(api.service.studies.optimal_trials, name))


async def suggest_trials(api: Api, call: Call) -> JsonObject:
    """Return an operation whose response holds what the client is to try.

    Raises:
        ApiError: INVALID_ARGUMENT, PERMISSION_DENIED, NOT_FOUND, RESOURCE_EXHAUSTED.
    """
    body = read_body(f"{_SCHEMA}SuggestTrialsRequest", call.body)
    require(api, call, "ml.trials.create")
    client, count = body.get("clientId", ""), body.get("suggestionCount", 0)
    if not 0 < len(client) <= _MOST_TEXT:
        raise field_error("client_id", f"The client id is required, with up to {_MOST_TEXT} characters.")
    if not 0 < count <= _MOST_SUGGESTIONS:
        raise field_error("suggestion_count", f"The count must be between 1 and {_MOST_SUGGESTIONS}.")
    name, begin = _name(call), format_seconds(api.clock.now())
    found = await _do(api.service.studies.suggest, name, client, count)
    metadata = {"study": str(name), "clientId": client, "suggestionCount": count}
    response = {"studyState": found.state.value, **_trials(name, found.trials)}
    return await _operation(api, name, "SuggestTrials", begin, metadata, response)


async def check_early_stopping_state(api: Api, call: Call) -> JsonObject:
    """Return an operation whose response says whether a trial is worth going on.

    Raises:
        ApiError: INVALID_ARGUMENT, PERMISSION_DENIED, NOT_FOUND.
    """
    read_body(f"{_SCHEMA}CheckTrialEarlyStoppingStateRequest", call.body)
    require(api, call, "ml.trials.update")
    name, trial_id, begin = _name(call), _trial_id(call), format_seconds(api.clock.now())
    stop = await _do(api.service.studies.should_stop, name, trial_id)
    metadata = {"study": str(name), "trial": f"{name}/trials/{trial_id}"}
    return await _operation(api, name, "CheckTrialEarlyStoppingState", begin, metadata, {"shouldStop": stop})


async def find_operation(api: Api, call: Call) -> JsonObject | None:
    """Return an operation of a study by the name in the call; None where there is none."""
    names = call.names
    return await _do(
        api.service.studies.rows.operation, call.project, names["locationsId"], names["operationsId"]
    )


async def _operation(
    api: Api, name: StudyName, kind: str, begin: str, metadata: JsonObject, response: JsonObject
) -> JsonObject:
    """Write a finished operation, for whoever asks for it later, and return it."""
    operation_id = f"{kind}_{name.study}_{secrets.token_hex(8)}"
    # The misspelling is the API's own.
    described = "Metatdata" if kind == "CheckTrialEarlyStoppingState" else "Metadata"
    document: JsonObject = {
        "name": f"projects/{name.project}/locations/{name.location}/operations/{operation_id}",
        "metadata": {"@type": f"{_TYPES}{kind}{described}", "createTime": begin, **metadata},
        "done": True,
        "response": {
            "@type": f"{_TYPES}{kind}Response",
            **response,
            "startTime": begin,
            "endTime": format_seconds(api.clock.now()),
        },
    }
    await _do(api.service.studies.rows.insert_operation, name, operation_id, document)
    return document


async def _do(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do something that reads or writes the store, on a thread, with its refusals as API errors."""
    return await _do_below("", work, *args, **kwargs)


async def _do_below(path: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do as `_do`; `path` is what errors put before the fields of a trial."""
    try:
        return await asyncio.to_thread(work, *args, **kwargs)
    except BadParameter as error:
        raise field_error(f"study.study_config.{error.field}", error.message) from None
    except model.BadTrial as error:
        raise field_error(f"{path}{error.field}", error.message) from None
    except model.StudyExists:
        text = "A study with this id already exists."
        raise field_error("study_id", text, status="ALREADY_EXISTS") from None
    except model.UnknownStudy:
        raise field_error("name", "The specified study was not found.", status="NOT_FOUND") from None
    except model.UnknownTrial:
        raise _no_such_trial() from None
    except model.WrongTrialState as error:
        raise field_error("name", error.message, status="FAILED_PRECONDITION") from None
    except model.TooManyTrials as error:
        raise ApiError("RESOURCE_EXHAUSTED", f"{error.message} {error.hint}") from None


def _check_location(call: Call) -> None:
    if call.names["locationsId"] not in LOCATIONS:
        raise field_error("parent", "The specified location was not found.", status="NOT_FOUND")


def _name(call: Call) -> StudyName:
    return StudyName(project=call.project, location=call.names["locationsId"], study=call.names["studiesId"])


def _trial_id(call: Call) -> int:
    text = call.names["trialsId"]
    # Only the canonical spelling: two names must not mean one trial.
    if not re.fullmatch(r"[1-9]\d{0,17}", text, re.ASCII):
        raise _no_such_trial()
    return int(text)


def _no_such_trial() -> ApiError:
    return field_error("name", "The specified trial was not found.", status="NOT_FOUND")


def _study(study: Study) -> JsonObject:
    return {
        "name": str(study.name),
        "studyConfig": study.config,
        "state": study.state.value,
        "createTime": format_seconds(study.create_time),
    }


def _trials(name: StudyName, trials: list[StudyTrial]) -> JsonObject:
    return {"trials": [_trial(name, trial) for trial in trials]} if trials else {}


def _trial(name: StudyName, trial: StudyTrial) -> JsonObject:
    document: dict[str, Any] = {
        "name": f"{name}/trials/{trial.trial_id}",
        "state": trial.state.value,
        "parameters": trial.parameters,
        "measurements": trial.measurements,
        "finalMeasurement": trial.final,
        "startTime": None if trial.start_time is None else format_seconds(trial.start_time),
        "endTime": None if trial.end_time is None else format_seconds(trial.end_time),
        "clientId": trial.client_id,
        "trialInfeasible": trial.infeasible,
        "infeasibleReason": trial.infeasible_reason,
    }
    return {key: value for key, value in document.items() if value}
