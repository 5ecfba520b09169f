"""
When agents that must wait are to come again: each at the moment when those told before it are done.

So a fleet that comes back together after an outage comes back spread over as long as it takes to
serve it. Pure: seconds of any clock that only goes on.
"""

from math import ceil

SOONEST_S = 2
LATEST_S = 60
"""After it the first places are given again."""
SLOWEST = 100.0
"""Batches that are taken in a second, at least: what is not known yet is no reason to wait long."""
SPAN_S = 1.0
"""Over which these are counted."""


class Pressure:
    """Of one collector."""

    def __init__(self) -> None:
        self.told = 0
        """How often an agent was told to come again."""
        self._free_s = 0.0
        """When whoever is told next finds room."""
        self._rate = SLOWEST
        self._since_s = 0.0
        self._taken = 0

    def take(self, now_s: float) -> None:
        """A batch was taken."""
        self._taken += 1
        span_s = now_s - self._since_s
        if span_s >= SPAN_S:
            self._rate = max(SLOWEST, self._taken / span_s)
            self._since_s, self._taken = now_s, 0

    def again_s(self, now_s: float) -> int:
        """Return after how many seconds one that must wait is to come again."""
        self.told += 1
        if not now_s + SOONEST_S <= self._free_s < now_s + LATEST_S:
            self._free_s = now_s + SOONEST_S
        self._free_s += 1 / self._rate
        return min(LATEST_S, ceil(self._free_s - now_s))
