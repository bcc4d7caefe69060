"""Pure: which queued jobs start now.

A job and all its replicas are admitted together or not at all. The first job in turn that does not fit
ends the pass: letting smaller ones overtake it would starve every large job. Contract: ml-jobs-service 2.1,
5.4.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

_SLACK = 1e-6
"""Weights are sums of decimal fractions; a job must not wait because of the last bit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What all jobs may use together."""

    cpus: float
    memory_bytes: int
    accelerators: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """One job, as far as admission is concerned."""

    uid: str
    project: str
    priority: int
    create_time: float
    cpus: float
    memory_bytes: int
    accelerators: int = 0
    not_before: float | None = None


def clip(demand: Demand, capacity: Capacity) -> Demand:
    """Cut a demand to the whole machine: machine names are weights, and a laptop must run any job."""
    return replace(
        demand,
        cpus=min(demand.cpus, capacity.cpus),
        memory_bytes=min(demand.memory_bytes, capacity.memory_bytes),
        accelerators=min(demand.accelerators, capacity.accelerators),
    )


def has_room(running: Sequence[Demand], capacity: Capacity) -> bool:
    """Say whether any processor is free, so that it is worth looking at the queue."""
    return sum(clip(demand, capacity).cpus for demand in running) < capacity.cpus - _SLACK


def decide(
    queued: Iterable[Demand], running: Sequence[Demand], capacity: Capacity, now: float
) -> list[Demand]:
    """Return the queued jobs to start now, in order.

    Parameters:
        running: every job that has an attempt, also one that is ending or waits to be tried again.
        now: jobs whose `not_before` is later are passed over and stop nobody.
    """
    # Clipped here as well: a job larger than the machine takes all of it, not more.
    free_cpus = capacity.cpus - sum(clip(demand, capacity).cpus for demand in running)
    free_memory = capacity.memory_bytes - sum(clip(demand, capacity).memory_bytes for demand in running)
    free_accelerators = capacity.accelerators - sum(clip(one, capacity).accelerators for one in running)
    chosen: list[Demand] = []
    ready = [demand for demand in queued if demand.not_before is None or demand.not_before <= now]
    for demand in _in_turn(ready, Counter(job.project for job in running)):
        need = clip(demand, capacity)
        # No backfill: whatever starts now might run for days in front of the one that waits.
        if need.cpus > free_cpus + _SLACK or need.memory_bytes > free_memory:
            break
        if need.accelerators > free_accelerators:
            break
        free_cpus -= need.cpus
        free_memory -= need.memory_bytes
        free_accelerators -= need.accelerators
        chosen.append(demand)
    return chosen


def _in_turn(ready: list[Demand], running: Counter[str]) -> list[Demand]:
    """Sort by priority; below it round robin: a project's nth job, running ones counted, is in round n."""
    rounds = Counter(running)
    keyed = []
    for demand in sorted(ready, key=lambda job: (-job.priority, job.create_time, job.uid)):
        keyed.append(((-demand.priority, rounds[demand.project], demand.create_time, demand.uid), demand))
        rounds[demand.project] += 1
    return [demand for _, demand in sorted(keyed, key=lambda pair: pair[0])]
