"""What start-up does with the attempts it finds, before the scheduler's first pass.

Running ones go on, finished ones are applied, and one that was claimed but never started is started under
the same attempt: the scheduler does all three as soon as it knows which attempts exist. Contract:
ml-jobs-service 5.2.4.
"""

from __future__ import annotations

import contextlib

from tablecloud.errors import JobError
from tablecloud.jobs.attempts import Attempts
from tablecloud.jobs.store import Store


def recover(store: Store, attempts: Attempts) -> None:
    """Take up what an earlier process of the service left.

    An attempt that the executor does not find is not known to have been lost: perhaps it was never started.
    Starting it again settles that, because starting adopts what exists; if it is still lost then, it is
    retried.

    Raises:
        JobError: the store cannot be read.
    """
    for job in store.active():
        with contextlib.suppress(JobError, OSError):
            attempts.adopt(job)
    for job in store.unswept():
        # Left for the next start when it fails: an ended job is not worth refusing to start for.
        with contextlib.suppress(JobError, OSError):
            attempts.sweep(job)
