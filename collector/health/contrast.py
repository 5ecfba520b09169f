"""
Whether failures are of some requests and not of the others: one rule, whatever is compared.

Two counts against each other since the failing began, by a likelihood ratio. Knows nothing of
gates or of words. Slots are numbers of ten seconds, as in evidence.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log

from .evidence import Timeline

Series = Mapping[int, tuple[int, int]]
"""Slot to requests, and how many of these failed or are suspect misses."""

LEAST_FAILURES = 5
"""As for an outage: fewer are no evidence of anything."""
LEAST_SERVED = 5
"""Answers that others must have got since: who was not answered proves nothing."""
LATE_SLOTS = 2
"""A window may reach back into the slot before its own: what is later came after it began."""
LEAST_GAIN = 8.0
"""Of the log-likelihood: 1 in 16,000 by chance, for as many values as one proxy may have."""
LEAST_FACTOR = 3.0
"""As much more often it fails inside."""
LEAST_SHARE = 0.75
"""Of all failures: less is not what explains them."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """Requests inside and outside of a set, since its failures began."""

    inside: int
    inside_failed: int
    outside: int
    outside_failed: int
    outside_served: int
    """Answered so late that it proves something."""

    @property
    def share(self) -> float:
        """Of the failures that are inside, 0…1."""
        return self.inside_failed / max(1, self.inside_failed + self.outside_failed)

    @property
    def part(self) -> float:
        """Of the requests that are inside, 0…1."""
        return self.inside / max(1, self.inside + self.outside)

    @property
    def gain(self) -> float:
        """By how much two ratios explain better what was seen than one; natural logarithm."""
        return gain_of(self.inside, self.inside_failed, self.outside, self.outside_failed)

    def explains(self, ease: float = 1.0) -> bool:
        """
        Return whether the set explains the failures.

        Args:
            ease: Below 1 for what was told before: its evidence fades.
        """
        is_enough = self.inside_failed >= LEAST_FAILURES and self.outside_served >= LEAST_SERVED
        is_worse = self.inside_failed * self.outside >= (
            LEAST_FACTOR * self.outside_failed * self.inside
        )
        is_told = self.share >= LEAST_SHARE * ease and self.gain >= LEAST_GAIN * ease
        return is_enough and is_worse and is_told


def series_of(timeline: Timeline) -> dict[int, tuple[int, int]]:
    """Return the requests and failures of each slot that has any."""
    return {
        slot: (counts.requests, counts.failed + counts.suspects)
        for slot, counts in timeline.slots.items()
    }


def begin_of(series: Series) -> int:
    """Return the slot in which it began to fail more often, by the likeliest split in time."""
    slots = sorted(series)
    after = sum(n for n, _ in series.values())
    after_failed = sum(failed for _, failed in series.values())
    before = before_failed = 0
    best, begin = 0.0, slots[0]
    for slot in slots:
        if after_failed * before > before_failed * after:
            gain = gain_of(after, after_failed, before, before_failed)
            if gain > best:
                best, begin = gain, slot
        n, failed = series[slot]
        after, after_failed = after - n, after_failed - failed
        before, before_failed = before + n, before_failed + failed
    return begin


def contrast(inside: Series, everything: Series, begin: int) -> Contrast:
    """
    Set requests against all others.

    Args:
        inside: The set.
        everything: The set is a part of.
        begin: The slot since when it fails.
    """
    n, failed, _ = _sum(inside, begin, begin)
    all_n, all_failed, _ = _sum(everything, begin, begin)
    served = _sum(everything, begin, begin + LATE_SLOTS)[2]
    late = served - _sum(inside, begin, begin + LATE_SLOTS)[2]
    return Contrast(n, failed, max(0, all_n - n), max(0, all_failed - failed), max(0, late))


def _sum(series: Series, begin: int, late: int) -> tuple[int, int, int]:
    """Return requests and failures since a slot, and answers since another."""
    n = failed = served = 0
    for slot, (requests, bad) in series.items():
        if slot >= begin:
            n += requests
            failed += bad
            if slot >= late:
                served += requests - bad
    return n, failed, served


def gain_of(n: int, failed: int, others: int, others_failed: int) -> float:
    """Return by how much a ratio for each is likelier than one for both; natural logarithm."""
    apart = _likelihood(n, failed) + _likelihood(others, others_failed)
    return apart - _likelihood(n + others, failed + others_failed)


def _likelihood(n: int, failed: int) -> float:
    served = n - failed
    found = failed * log(failed / n) if failed > 0 else 0.0
    return found + (served * log(served / n) if served > 0 else 0.0)
