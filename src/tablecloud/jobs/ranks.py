"""The places of the queued jobs, in memory: a page of a hundred must not count the queue a hundred times."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Iterable

from tablecloud.jobs.model import Job, State

Key = tuple[int, float, str]
"""Sorts the queue: priority downwards, then creation time, then uid. Contract: ml-jobs-service 5.4."""


class QueueRanks:
    """The sorted keys of the jobs that are QUEUED; safe to use from any thread."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = sorted(keys)
        self._lock = threading.Lock()

    def note(self, job: Job) -> None:
        """Take up what a job's row says now."""
        key = queue_key(job)
        # A list and not a tree: moving 100,000 pointers takes microseconds, and the disk takes longer anyway.
        with self._lock:
            place = bisect.bisect_left(self._keys, key)
            listed = place < len(self._keys) and self._keys[place] == key
            if job.state is State.QUEUED and not listed:
                self._keys.insert(place, key)
            elif job.state is not State.QUEUED and listed:
                del self._keys[place]

    def rank(self, job: Job) -> int:
        """Return the 1-based place of a job, 0 where it is not queued."""
        key = queue_key(job)
        with self._lock:
            place = bisect.bisect_left(self._keys, key)
            return place + 1 if place < len(self._keys) and self._keys[place] == key else 0

    def __len__(self) -> int:
        return len(self._keys)


def queue_key(job: Job) -> Key:
    """Return what a queued job is sorted by."""
    return (-job.priority, job.create_time, job.uid)
