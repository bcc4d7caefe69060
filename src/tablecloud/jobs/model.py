"""What a job is: its states, the reasons it ends, the moves it may make. Data only; imports nothing.

Contract: ml-jobs-service 2.6 (states), 5.2 (guarantees). The chart in `docs/job-states.md`, the CHECK
constraints of `schema.sql` and `TRANSITIONS` are kept equal by a test.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """The seven states of a job; the last three are final."""

    QUEUED = "QUEUED"
    PREPARING = "PREPARING"
    RUNNING = "RUNNING"
    CANCELLING = "CANCELLING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def final(self) -> bool:
        """Whether a job in this state never moves again."""
        return self in FINAL


FINAL = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})

TRANSITIONS: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.PREPARING, State.CANCELLED, State.FAILED}),
    State.PREPARING: frozenset({State.RUNNING, State.CANCELLING, State.FAILED, State.QUEUED}),
    State.RUNNING: frozenset({State.CANCELLING, State.SUCCEEDED, State.FAILED}),
    State.CANCELLING: frozenset({State.CANCELLED, State.SUCCEEDED, State.FAILED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
}
"""Every move a job may make. PREPARING -> QUEUED is an attempt that was lost before any replica started."""


class Reason(StrEnum):
    """Why a job made a move: the closed list of contract 5.2 point 2, and the moves that are no end."""

    CREATED = "created"
    CLAIMED = "claimed"
    STARTED = "started"
    CANCEL_REQUESTED = "cancel_requested"
    EXIT_ZERO = "user_exit_zero"
    EXIT_NONZERO = "user_exit_nonzero"
    OUT_OF_MEMORY = "oom"
    INSTALL_FAILED = "install_failed"
    IMAGE_FAILED = "image_failed"
    BAD_INPUT = "bad_input"
    CANCELLED_BY_USER = "cancelled_by_user"
    MAX_WAIT = "max_wait"
    MAX_RUNNING = "max_running"
    INFRA_LOST = "infra_lost"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job as the store holds it.

    `document` is what the user sent (canonical lowerCamel names, no defaults filled in) without the
    output-only fields; labels live apart because patch changes them. Times are seconds since the epoch, UTC.
    """

    uid: str
    """Twelve and more hex digits, unique for ever; executors name their objects after it."""
    project: str
    job_id: str
    state: State
    document: dict[str, Any]
    """`{"trainingInput": {...}}` or `{"predictionInput": {...}}`, as sent."""
    labels: dict[str, str] = field(default_factory=dict)
    labels_revision: int = 1
    """Counts label changes; the etag is made of it."""
    revision: int = 1
    """Counts every change of the row; compare-and-set uses it."""
    priority: int = 0
    create_time: float
    start_time: float | None = None
    end_time: float | None = None
    error_message: str | None = None
    reason: Reason = Reason.CREATED
    """Of the latest move."""
    attempt: int = 0
    """How many attempts were claimed; 0 while never claimed."""
    executor: str | None = None
    ref: dict[str, Any] | None = None
    """What the executor needs to find the attempt again; written before anything is started.

    None once the attempt was cleaned up.
    """
    token: str | None = None
    """The fencing token of the attempt."""
    user_restarts: int = 0
    """How many attempts followed a failure of the program itself; the others followed lost machines."""
    not_before: float | None = None
    """Until when the next attempt waits, after a lost one."""
    wait_deadline: float | None = None
    run_deadline: float | None = None
    cancel_reason: Reason | None = None
    """Set with CANCELLING: who asked."""
    output: dict[str, Any] | None = None
    """`trainingOutput` or `predictionOutput`, once there is something to say."""

    @property
    def name(self) -> str:
        """The key users know: `projects/{project}/jobs/{job_id}`."""
        return f"projects/{self.project}/jobs/{self.job_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What `create` needs to know of a job; the store adds the rest."""

    project: str
    job_id: str
    document: dict[str, Any]
    labels: dict[str, str] = field(default_factory=dict)
    priority: int = 0
    wait_seconds: float | None = None
    """How long it may wait for RUNNING, from its creation; None is for ever."""
    run_seconds: float | None = None
    """How long it may be RUNNING."""
    actor: str = "user:local"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPolicy:
    """An access policy and how often it was set."""

    document: dict[str, Any]
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """One move of one job, as appended to the event table."""

    job_uid: str
    seq: int
    from_state: State | None
    to_state: State
    reason: Reason
    at: float
    actor: str
    """`user:…` for requests, `scheduler`, `executor`, `recovery` for the service itself."""


class ReplicaState(StrEnum):
    """What an executor saw of one replica."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    EXITED = "EXITED"
    LOST = "LOST"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaStatus:
    """One replica of an attempt, as observed."""

    name: str
    """`master-replica-0`, `worker-replica-N`, `ps-replica-N`, `evaluator-replica-N`."""
    state: ReplicaState
    exit_code: int | None = None
    signal: int | None = None
    started: float | None = None
    ended: float | None = None
    out_of_memory: bool = False
    stopped: bool = False
    """The service ended it: because of a stop, or because another replica's end ended the attempt. Its exit
    code and signal then say nothing about the program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What an executor saw of one attempt; replica 0 is the primary."""

    replicas: tuple[ReplicaStatus, ...]
    finished: bool = False
    """No process of the attempt is left and its logs are complete."""
    lost: bool = False
    """The attempt vanished without saying how it ended."""
    failed: Reason | None = None
    """It ended before or beside the program, such as INSTALL_FAILED; `detail` says how."""
    detail: str = ""
    signalled_at: float | None = None
    """When a stop was first signalled; an exit before it is the program's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaSpec:
    """One process to start."""

    name: str
    role: str
    """`master`, `worker`, `ps` or `evaluator`."""
    index: int
    argv: tuple[str, ...]
    environment: dict[str, str]
    cwd: str
    cpus: float = 1.0
    memory_bytes: int = 0
    accelerators: int = 0
    """How many it is given for itself, as far as the machine has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptSpec:
    """Everything an executor needs to run one attempt; written to disk before anything starts."""

    uid: str
    """Of the job."""
    attempt: int
    token: str
    """Fencing token: results that carry another one are dropped."""
    project: str
    job_id: str
    job: dict[str, Any]
    """The job's document."""
    folder: str
    """The attempt's directory, mode 0700."""
    replicas: tuple[ReplicaSpec, ...] = ()
    """Replica 0 is the primary: its end is the attempt's."""
    packages: tuple[str, ...] = ()
    """Absolute paths of the archives to install before any replica starts, in order."""
    offline: bool = True
    """Installing must not reach for an index."""
    notices: tuple[str, ...] = ()
    """Sentences for the job's log about settings that have no effect here."""
    grace_seconds: float = 10.0
    log_limit_bytes: int = 64 * 1024 * 1024

    @property
    def attempt_id(self) -> str:
        """The value of CLOUD_ML_ATTEMPT_ID, and the stem of every external object's name."""
        return f"{self.uid}-{self.attempt}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One line of a job's log."""

    at: float
    severity: str
    """`INFO`, `ERROR`, or what a structured line said."""
    task: str
    """`service`, or a replica's name."""
    message: str
    fields: dict[str, Any] | None = None
    """The whole object where the line was a JSON object."""
    trial_id: str | None = None
    insert_id: str = ""
