"""What a study and a trial of it are, and what can be wrong with a request about them. Data only.

Contract: ml-jobs-service 1.15.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tablecloud.errors import JobError

MOST_TRIALS = 1000
"""Of one study."""


class StudyState(StrEnum):
    """Whether a study gives suggestions."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    COMPLETED = "COMPLETED"
    """Every point of its space was tried."""


class TrialState(StrEnum):
    """Where a trial is between being asked for and being measured."""

    REQUESTED = "REQUESTED"
    """A user wants it tried; the next suggestion hands it out."""
    ACTIVE = "ACTIVE"
    STOPPING = "STOPPING"
    COMPLETED = "COMPLETED"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyName:
    """The key of a study."""

    project: str
    location: str
    study: str

    def __str__(self) -> str:
        """Return the resource name."""
        return f"projects/{self.project}/locations/{self.location}/studies/{self.study}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """One study as stored."""

    name: StudyName
    config: dict[str, Any]
    """The StudyConfig as sent, canonical."""
    state: StudyState = StudyState.ACTIVE
    create_time: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyTrial:
    """One trial of a study. Lists and objects are as the API spells them. Times: seconds since the epoch."""

    trial_id: int
    state: TrialState
    parameters: list[dict[str, Any]]
    measurements: list[dict[str, Any]] = field(default_factory=list)
    final: dict[str, Any] | None = None
    start_time: float | None = None
    end_time: float | None = None
    client_id: str = ""
    infeasible: bool = False
    infeasible_reason: str = ""


class StudyExists(JobError):
    """There is a study of this name."""


class UnknownStudy(JobError):
    """There is no study of this name."""


class UnknownTrial(JobError):
    """The study has no trial of this name."""


class WrongTrialState(JobError):
    """The trial is not in a state in which this can be done to it."""


class TooManyTrials(JobError):
    """The study has as many trials as a study may have."""


class BadTrial(JobError):
    """What a request says of a trial breaks a rule; `field` is its path in snake case."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field
