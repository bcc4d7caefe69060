"""Where attempts run: processes of this machine now, Ray and Kubernetes later, behind one protocol.

Every call is idempotent. The order is: `plan_ref` (pure, stored by the scheduler) -> `start` -> `observe` …
-> `cleanup`; a crash between any two is resolved by calling the next one again. Contract: ml-jobs-service
5.3.
"""

from __future__ import annotations

from typing import Any, Protocol

from tablecloud.jobs.model import AttemptSpec, Observation

Ref = dict[str, Any]
"""JSON that finds an attempt again; the scheduler stores it in the job's row before it calls `start`."""


class Executor(Protocol):
    """Runs attempts somewhere."""

    name: str
    """`process`, `ray`, `kubernetes`."""

    def plan_ref(self, spec: AttemptSpec) -> Ref:
        """Name the external object of an attempt, without creating it. Pure."""
        ...

    def start(self, spec: AttemptSpec, ref: Ref) -> None:
        """Start the attempt; when it exists already, adopt it. Returns at once; packages install inside.

        Raises:
            ExecutorError: nothing was started and nothing will be.
        """
        ...

    def observe(self, ref: Ref) -> Observation:
        """Say what is known of the attempt now. Never blocks on the program.

        Of an attempt that has not begun, or was never started, `replicas` is empty and nothing else is set.
        """
        ...

    def stop(self, ref: Ref) -> None:
        """Begin the stop sequence (TERM, grace, KILL); `observe` tells when it is over."""
        ...

    def cleanup(self, ref: Ref) -> None:
        """Remove every process and external object of the attempt; keep its log."""
        ...
