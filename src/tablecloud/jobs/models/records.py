"""What models, versions and their operations are. Data only. Contract: ml-jobs-service 1.11, 1.12."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tablecloud.errors import JobError


class VersionState(StrEnum):
    """The states of a version that occur here; changes and deletions happen at once."""

    CREATING = "CREATING"
    READY = "READY"
    FAILED = "FAILED"


class OperationKind(StrEnum):
    """What an operation does, as its metadata calls it."""

    CREATE_VERSION = "CREATE_VERSION"
    DELETE_VERSION = "DELETE_VERSION"
    UPDATE_VERSION = "UPDATE_VERSION"
    DELETE_MODEL = "DELETE_MODEL"
    UPDATE_MODEL = "UPDATE_MODEL"

    @property
    def verb(self) -> str:
        """The start of an operation's id."""
        return self.value.partition("_")[0].lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model; `document` is what the user sent, without its name."""

    project: str
    name: str
    document: dict[str, Any]
    default_version: str | None = None
    revision: int = 1
    create_time: float

    @property
    def path(self) -> str:
        """The key users know: `projects/{project}/models/{name}`."""
        return f"projects/{self.project}/models/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a model; `document` is what the user sent, without its name."""

    uid: str
    """Unique for ever; its files lie in the folder of this name."""
    project: str
    model: str
    name: str
    state: VersionState
    document: dict[str, Any]
    framework: str = ""
    """What loading the model found, where the user did not say."""
    error_message: str | None = None
    create_time: float
    last_use_time: float | None = None
    revision: int = 1

    @property
    def path(self) -> str:
        """The key users know."""
        return f"projects/{self.project}/models/{self.model}/versions/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """How an operation failed: a google.rpc code and a text."""

    code: int
    message: str


CANCELLED, INVALID, PRECONDITION, INTERNAL = 1, 3, 9, 13
"""The google.rpc codes of failed operations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One long-running operation."""

    project: str
    id: str
    kind: OperationKind
    model: str
    version: str | None = None
    version_uid: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    create_time: float
    start_time: float | None = None
    end_time: float | None = None
    cancel_requested: bool = False
    failure: Failure | None = None
    target: dict[str, Any] | None = None
    """The version's document when the operation ended, or began."""
    response: dict[str, Any] | None = None
    """With its `@type`, once the operation succeeded."""

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self.end_time is not None


class Refusal(JobError):
    """A request about models that cannot be granted.

    Parameters:
        status: the google.rpc status word of the answer.
        field: proto path at fault, such as `model.name`.
        text: what is wrong.
    """

    def __init__(self, status: str, field: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.field = field


def no_such_model() -> Refusal:
    """Return the refusal of a name that no model has."""
    return Refusal("NOT_FOUND", "name", "The specified model was not found.")


def no_such_version() -> Refusal:
    """Return the refusal of a name that no version has."""
    return Refusal("NOT_FOUND", "name", "The specified model version was not found.")
