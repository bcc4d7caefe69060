"""What start-up does with the attempts it finds, before the scheduler's first pass.

Running ones go on, finished ones are applied, one that was claimed but never started is started under the
same attempt, and ended ones are swept: the scheduler does all of it, once it knows which attempts exist.
Contract: ml-jobs-service 5.2.4.
"""

from __future__ import annotations

import contextlib

from tablecloud.errors import JobError
from tablecloud.jobs.attempts import Attempts
from tablecloud.jobs.store import Store
from tablecloud.jobs.tuning.spec import is_tuning


def recover(store: Store, attempts: Attempts) -> None:
    """Take up what an earlier process of the service left.

    An attempt that the executor does not find is not known to have been lost: perhaps it was never started.
    Starting it again settles that, because starting adopts what exists; if it is still lost then, it is
    retried.

    Raises:
        JobError: the store cannot be read.
    """
    attempts.forget()
    for job in store.active():
        if is_tuning(job.document):
            continue  # its own attempt is never started; its controller finds those of its trials
        # An executor that is out of order now is asked again by the scheduler; it must not prevent the start.
        with contextlib.suppress(JobError, OSError):
            attempts.adopt(job)
