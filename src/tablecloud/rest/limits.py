"""Decides how many calls may be in flight to one host with one credential.

Additive increase, multiplicative decrease. Pure: times are given by the caller, and no thread is known here.
"""

from __future__ import annotations

_LONGEST_STOP = 60.0


class Limiter:
    """The share of one host and credential: starts full, is halved when throttled, widened by success."""

    def __init__(self, ceiling: int) -> None:
        self._ceiling = max(1, ceiling)
        self._limit = float(self._ceiling)
        self._stopped_until = 0.0
        self._narrowed_at = float("-inf")
        self.in_flight = 0

    @property
    def limit(self) -> int:
        """How many calls may be in flight now."""
        return int(self._limit)

    def ready(self, now: float) -> bool:
        """Return whether one more call may start."""
        return self.in_flight < int(self._limit) and now >= self._stopped_until

    def stopped_until(self, now: float) -> float | None:
        """Return when calls may start again, if the service asked all of them to wait."""
        return self._stopped_until if self._stopped_until > now else None

    def started(self) -> None:
        """Count a call that starts."""
        self.in_flight += 1

    def finished(
        self, *, began: float, now: float, throttled: bool, succeeded: bool, retry_after: float | None = None
    ) -> None:
        """Count a call that ended, and adapt.

        Parameters:
            began: when it started. Calls that began before the last decrease do not decrease again.
            throttled: the service said: slower (429 or 503).
            retry_after: seconds it asked to wait.
        """
        in_use = self.in_flight
        self.in_flight -= 1
        if throttled:
            if began >= self._narrowed_at:
                self._limit = max(1.0, min(self._limit, float(in_use)) / 2)
                self._narrowed_at = now
            if retry_after:
                self._stopped_until = max(self._stopped_until, now + min(retry_after, _LONGEST_STOP))
        elif succeeded and in_use >= int(self._limit):
            # Only a share that is used up says that a wider one would be used.
            # A round of successes adds one, or a twentieth where that is more.
            self._limit = min(float(self._ceiling), self._limit + max(1.0 / self._limit, 0.05))
