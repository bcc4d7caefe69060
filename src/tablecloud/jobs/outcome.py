"""Pure: what an observation means for a job: the one map from what happened to state, message and retry.

Contract: ml-jobs-service 2.7 (exits, restarts, messages), 5.2.2 (reasons), 5.2.5 (cancel races).
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass

from tablecloud.errors import JobError
from tablecloud.jobs.model import Job, Observation, Reason, ReplicaState, ReplicaStatus, State
from tablecloud.jobs.settings import ServiceSettings

MOST_TRACEBACK = 2000
"""Characters of a traceback that go into an errorMessage; the end says most."""

_UNITS_PER_CPU_HOUR = 0.3878 / 4
"""An n1-standard-4 uses 0.3878 units an hour; other machines in proportion to their processors."""

_TRACEBACK = "Traceback (most recent call last):"
_INTERNAL = "Internal error occurred for the current attempt."
_WORDS = {
    Reason.INSTALL_FAILED: "The packages of the job could not be installed.",
    Reason.IMAGE_FAILED: "The image of the job could not be used.",
    Reason.BAD_INPUT: "The job cannot be run as it was described.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """Move the job to another state."""

    to: State
    reason: Reason
    error_message: str | None = None
    started: float | None = None
    """When the program began, where the move is to RUNNING."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Sweep up, then try again: a PREPARING job goes back to QUEUED, a RUNNING one stays RUNNING."""

    reason: Reason
    delay: float
    """Seconds until the next attempt may start."""
    user: bool = False
    """Whether the program itself failed, so that `max_user_restarts` pays for it."""


Decision = Advance | Retry | None


def decide_outcome(
    job: Job, observation: Observation, *, settings: ServiceSettings, now: float, output: Sequence[str] = ()
) -> Decision:
    """Say what to do about a PREPARING, RUNNING or CANCELLING job that was observed.

    Parameters:
        output: the last lines the replicas wrote; a traceback in them goes into the errorMessage.
    Returns:
        None where nothing is to be done yet. Final moves come only for a finished or lost attempt. A job that
        ended while it was PREPARING first moves to RUNNING: decide again afterwards.
    """
    if job.state is State.CANCELLING:
        return _cancelled(job, observation) if observation.finished or observation.lost else None
    # From here on nobody asked for an end, so what happened speaks for itself.
    if observation.lost:
        return _lost(job, settings, observation.detail)
    if observation.failed is not None:
        return _failed_beside(job, observation, settings) if observation.finished else None
    if job.state is State.PREPARING and _all_started(observation):
        return Advance(to=State.RUNNING, reason=Reason.STARTED, started=_began(job, observation, now))
    return _ended(job, observation, settings, output) if observation.finished else None


def overdue(job: Job, now: float) -> Advance | None:
    """Return the move that a job's deadlines ask for by now; contract 2.7: expiry cancels."""
    waiting = job.state in (State.QUEUED, State.PREPARING)
    deadline = job.wait_deadline if waiting else job.run_deadline if job.state is State.RUNNING else None
    if deadline is None or now < deadline:
        return None
    begin = job.create_time if waiting or job.start_time is None else job.start_time
    return Advance(
        to=State.CANCELLED if job.state is State.QUEUED else State.CANCELLING,
        reason=Reason.MAX_WAIT if waiting else Reason.MAX_RUNNING,
        error_message=f"The job exceeded its maximum {'waiting' if waiting else 'running'} time of "
        f"{_seconds(deadline - begin)}s.",
    )


def refusal(error: Exception) -> Advance:
    """Return the end of a job for which no attempt could be laid out."""
    if isinstance(error, JobError):
        return Advance(
            to=State.FAILED, reason=Reason.BAD_INPUT, error_message=f"{error} {error.hint}".strip()
        )
    message = f"The job could not be laid out: {type(error).__name__}: {error}"
    return Advance(to=State.FAILED, reason=Reason.INTERNAL, error_message=message)


def last_traceback(lines: Sequence[str]) -> str:
    """Return the last Python traceback of a program's output, clipped at its beginning; empty without one."""
    starts = [number for number, line in enumerate(lines) if line.startswith(_TRACEBACK)]
    if not starts:
        return ""
    taken = [lines[starts[-1]]]
    for line in lines[starts[-1] + 1 :]:
        taken.append(line)
        # The first line that is not indented names the exception; what follows is other output.
        if line and not line[0].isspace():
            break
    text = "\n".join(taken)
    return text if len(text) <= MOST_TRACEBACK else "…" + text[-MOST_TRACEBACK:]


def _cancelled(job: Job, observation: Observation) -> Advance:
    """End a job that was asked to stop; it wins the race only if it had ended well by itself before."""
    if observation.finished and _succeeded(observation):
        return Advance(to=State.SUCCEEDED, reason=Reason.EXIT_ZERO)
    return Advance(
        to=State.CANCELLED,
        reason=job.cancel_reason or Reason.CANCELLED_BY_USER,
        error_message=job.error_message or "Cancelled.",
    )


def _lost(job: Job, settings: ServiceSettings, detail: str) -> Decision:
    losses = max(job.attempt - job.user_restarts, 1)
    if losses >= settings.infra_attempts:
        message = f"{_INTERNAL} {detail}".strip()
        return Advance(to=State.FAILED, reason=Reason.INFRA_LOST, error_message=message)
    return Retry(reason=Reason.INFRA_LOST, delay=settings.infra_backoff_seconds * 2.0 ** (losses - 1))


def _failed_beside(job: Job, observation: Observation, settings: ServiceSettings) -> Decision:
    reason = observation.failed or Reason.INTERNAL
    if reason is Reason.INFRA_LOST:
        return _lost(job, settings, observation.detail)
    message = f"{_WORDS.get(reason, _INTERNAL)} {observation.detail}".strip()
    return Advance(to=State.FAILED, reason=reason, error_message=f"{message} {_where_logs_are(job)}")


def _ended(job: Job, observation: Observation, settings: ServiceSettings, output: Sequence[str]) -> Decision:
    if _succeeded(observation):
        return Advance(to=State.SUCCEEDED, reason=Reason.EXIT_ZERO)
    # Replicas that were stopped because another one failed are no failures; they would only add noise.
    failures = _own_failures(observation)
    memory = any(replica.out_of_memory for replica in failures)
    # No failure of its own and no success: somebody outside ended it.
    if not memory and (not failures or any(_hit_from_outside(replica) for replica in failures)):
        return _lost(job, settings, " ".join(_sentence(replica) for replica in failures))
    restartable = job.state is State.RUNNING and not memory
    if restartable and job.user_restarts < settings.max_user_restarts:
        return Retry(reason=Reason.EXIT_NONZERO, delay=0.0, user=True)
    sentences = [_sentence(replica) for replica in failures]
    parts = [*sentences, last_traceback(output), _where_logs_are(job)]
    return Advance(
        to=State.FAILED,
        reason=Reason.OUT_OF_MEMORY if memory else Reason.EXIT_NONZERO,
        error_message=" ".join(part for part in parts if part),
    )


def _succeeded(observation: Observation) -> bool:
    """Whether the primary exited 0 of its own accord: contract 2.7 asks no other replica."""
    primary = observation.replicas[:1]
    return bool(primary) and primary[0].exit_code == 0 and _of_its_own(primary[0], observation)


def _own_failures(observation: Observation) -> list[ReplicaStatus]:
    return [
        replica
        for replica in observation.replicas
        if replica.out_of_memory or (_failed(replica) and _of_its_own(replica, observation))
    ]


def _failed(replica: ReplicaStatus) -> bool:
    return replica.state is ReplicaState.EXITED and (replica.signal is not None or replica.exit_code != 0)


def _of_its_own(replica: ReplicaStatus, observation: Observation) -> bool:
    """Whether a replica had ended before anybody signalled the attempt to stop."""
    if replica.state is not ReplicaState.EXITED or replica.stopped:
        return False
    signalled = observation.signalled_at
    return signalled is None or (replica.ended is not None and replica.ended <= signalled)


def _hit_from_outside(replica: ReplicaStatus) -> bool:
    """Whether a signal ended it; shells report one as 128 + its number. A program's own 255 is none."""
    code = replica.exit_code or 0
    return replica.signal is not None or 128 < code < 160


def _all_started(observation: Observation) -> bool:
    """Whether the job counts as RUNNING: all replicas began, or the primary was over before that."""
    begun = [replica.state in (ReplicaState.RUNNING, ReplicaState.EXITED) for replica in observation.replicas]
    return bool(begun) and (all(begun) or (observation.finished and begun[0]))


def _began(job: Job, observation: Observation, now: float) -> float:
    """When the last replica started, kept between creation and now whatever the executor's clock says."""
    times = [replica.started for replica in observation.replicas if replica.started is not None]
    return min(max([job.create_time, *times]), now) if times else now


def _sentence(replica: ReplicaStatus) -> str:
    role, _, index = replica.name.partition("-replica-")
    status = _status(replica)
    if replica.out_of_memory:
        return f"The replica {role} {index} ran out-of-memory and exited with a non-zero status of {status}."
    word = "Termination reason: Error."
    return f"The replica {role} {index} exited with a non-zero status of {status}. {word}"


def _status(replica: ReplicaStatus) -> str:
    if replica.signal is None:
        return str(replica.exit_code)
    try:
        return f"{replica.signal}({signal.Signals(replica.signal).name})"
    except ValueError:
        return str(replica.signal)


def _where_logs_are(job: Job) -> str:
    command = f"tablecloud ml logs {job.job_id}"
    return f"To find out more about why your job exited please check the logs: {command}"


def _seconds(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def used_units(cpus: float, seconds: float) -> float:
    """Return the `consumedMLUnits` of replicas with `cpus` processors together; contract 2.10."""
    return round(cpus * _UNITS_PER_CPU_HOUR * max(seconds, 0.0) / 3600, 2)
