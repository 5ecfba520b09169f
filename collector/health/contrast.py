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
TOGETHER_SLOTS = 3
"""Half a minute: what was asked within it met the same proxy, whatever came before or after."""
LEAST_TOGETHER = 6.63
"""Of the chi-square of requests of the same time: 1 in 100 by chance. A few seconds in which all
fail hit whoever builds then, and those that build later would speak for themselves."""
LEAST_RETURNS = 2
"""Where hardly anybody asks at the same time: it failed, others were answered, it failed again, and
so once more."""
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
    returns: int = 0
    """How often it failed inside again after others had been answered."""
    together: float = 0.0
    """Chi-square of Mantel and Haenszel (1959): inside against outside within TOGETHER_SLOTS, added
    up over time; 0 where inside no more fails."""

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
        is_of_time = self.together >= LEAST_TOGETHER * ease or self.returns >= LEAST_RETURNS * ease
        return is_enough and is_worse and is_told and is_of_time


def series_of(timeline: Timeline) -> dict[int, tuple[int, int]]:
    """Return the requests and failures of each slot that has any."""
    return {
        slot: (counts.requests, counts.failed + counts.suspects)
        for slot, counts in timeline.slots.newest_first()
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
    return Contrast(
        n,
        failed,
        max(0, all_n - n),
        max(0, all_failed - failed),
        max(0, late),
        _returns(inside, everything, begin),
        _together(inside, everything, begin),
    )


def _returns(inside: Series, everything: Series, begin: int) -> int:
    """Count how often it failed inside, slots later than others were answered after it had."""
    returns = -1
    is_over = True
    for slot in sorted(slot for slot in everything if slot >= begin):
        n, failed = everything[slot]
        own, own_failed = inside.get(slot, (0, 0))
        if own_failed:
            returns += is_over
            is_over = False
        elif n - failed > own - own_failed:
            is_over = True
    return max(0, returns)


def _together(inside: Series, everything: Series, begin: int) -> float:
    """Return the chi-square of requests of the same time since a slot."""
    more = spread = 0.0
    strata, insides = _strata(everything, begin), _strata(inside, begin)
    for time, (n, failed) in strata.items():
        own, own_failed = insides.get(time, (0, 0))
        if n < 2 or not 0 < own < n:
            continue
        more += own_failed - own * failed / n
        spread += own * (n - own) * failed * (n - failed) / (n * n * (n - 1))
    return more * more / spread if more > 0 and spread > 0 else 0.0


def _strata(series: Series, begin: int) -> dict[int, tuple[int, int]]:
    """Return requests and failures by TOGETHER_SLOTS."""
    found: dict[int, tuple[int, int]] = {}
    for slot, (n, failed) in series.items():
        if slot >= begin:
            held, held_failed = found.get(slot // TOGETHER_SLOTS, (0, 0))
            found[slot // TOGETHER_SLOTS] = held + n, held_failed + failed
    return found


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
