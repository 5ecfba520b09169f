"""
What there was beside requests, of as many sightings as there is time for.

Kept as it came until it is rolled up, and then read of so many only: some thousandths of a
processor, however many agents there are. So it is a sample where there are many; it is told as
shares and percentiles, never as a number of requests. Pure.
"""

from collections import Counter

from modpulse.agent.batch.batch import CIRCUMSTANCES, BatchError
from modpulse.agent.records.failures import CLASSES

from ..shares import Shares
from . import wire
from .arrival import Arrival, Counts, Part

MAX_SAMPLED = 200
"""Sightings of a roll-up of which it is read: 6 ms every two seconds."""
_NAMES = frozenset(CIRCUMSTANCES)
OTHER = "other"


class Sample:
    """Of one roll-up."""

    def __init__(self, overflow: Counter[str]) -> None:
        """
        Args:
            overflow: Where what makes no sense is counted.
        """
        self._overflow = overflow
        self._room = Shares(MAX_SAMPLED)

    def read(self, arrival: Arrival) -> None:
        """Read what its sightings say, where there is room for more of its caller."""
        for sighting in arrival.sightings:
            # Of an empty array one byte came.
            if len(sighting.circumstances) < 2 or not self._room.has_room(arrival.caller, 1):
                continue
            self._room.take(arrival.caller, 1)
            try:
                found = wire.outcomes(sighting.circumstances)
            except BatchError:
                self._overflow["unreadable_circumstances"] += 1
                continue
            sighting.by_circumstance = tuple(
                Part(one.name, _counts(one), one.sketch) for one in found if one.name in _NAMES
            )


def _counts(one: wire.Outcomes) -> Counts:
    counts = Counts(ok=one.ok, misses=one.misses, suspects=one.suspect_misses)
    for name, count in one.failures.items():
        known = name if name in CLASSES else OTHER
        counts.failures[known] = counts.failures.get(known, 0) + count
    return counts
