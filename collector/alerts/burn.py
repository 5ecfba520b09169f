"""
How fast a proxy spends its error budget: burn-rate pairs, and what makes them sane for few
requests.

The budget is what an objective leaves over: of 99.95 % one request in 2,000. A pair of windows
fires where both spend it so many times too fast: the long one says that it matters, the short one
that it goes on (The Site Reliability Workbook, chapter 5). Few requests make ratios jump, so the
long window must also have spent its share of a month's budget in failures, two at least, and more
than chance alone would. There is no least traffic: that would hide an outage of a quiet proxy.
Pure.
"""

from collections.abc import Iterable, Sequence
from math import erfc, exp, sqrt
from typing import NamedTuple

from .ledger import Ledger, Span

MONTH_MINUTES = 30 * 24 * 60
MANY = 100
"""Beyond it the normal distribution is near enough."""
LEAST_BAD = 2
"""Failures: a single one tells nobody anything."""


LUCK = 0.001
"""How likely so many failures may be, at most, where the objective is just met."""


class Pair(NamedTuple):
    """Two windows, in minutes."""

    long: int
    short: int
    factor: float
    """How many times too fast."""

    @property
    def share(self) -> float:
        """Of a month's budget that is spent in the long window at that speed."""
        return self.factor * self.long / MONTH_MINUTES


FAST = (Pair(60, 5, 14.4), Pair(360, 30, 6.0))
"""2 % of a month's budget in an hour, 5 % in six."""
SLOW = (Pair(1440, 120, 3.0), Pair(4320, 360, 1.0))
"""10 % in a day, and in three."""


class Burn(NamedTuple):
    """A pair that fires."""

    pair: Pair
    requests: int
    """Of the long window."""
    failed: int
    speed: float
    """How many times too fast."""


def never(objective: float, pairs: Sequence[Pair] = (*FAST, *SLOW)) -> Pair | None:
    """Return a pair that could not fire if every request failed; None: all can."""
    return next((pair for pair in pairs if pair.factor * (1 - objective) >= 1), None)


def by_chance(count: int, mean: float) -> float:
    """Return how likely so many are, or more, where `mean` are usual: a Poisson tail."""
    if mean > MANY:
        return 0.5 * erfc((count - 0.5 - mean) / sqrt(2 * mean))
    term, below = exp(-mean), 0.0
    for number in range(min(count, round(10 * MANY))):
        below += term
        term *= mean / (number + 1)
    return max(0.0, 1 - below)


def burning(
    ledger: Ledger, pairs: Iterable[Pair], objective: float, told: Sequence[Span], now_minute: int
) -> Burn | bool | None:
    """
    Return the first pair that fires.

    Args:
        ledger: Of a proxy.
        pairs: Of a rule.
        objective: Share of requests that must succeed.
        told: Spans that people were told of already; they count for nothing.
        now_minute: The last that counts.

    Returns:
        False: none does; None: nobody asked lately, so nobody knows.
    """
    first, until, budget = ledger.first, now_minute + 1, 1 - objective
    if first is None:
        return None
    whole = ledger.sums((first, until))
    month = whole.total / max(1, until - first) * MONTH_MINUTES
    is_known = True
    for pair in pairs:
        short = ledger.sums((until - pair.short, until), told)
        if not short.total:
            is_known = False
            continue
        if short.ratio < pair.factor * budget:
            continue
        long = ledger.sums((until - pair.long, until), told)
        enough = max(LEAST_BAD, pair.share * budget * month)
        is_burnt = long.ratio >= pair.factor * budget and long.bad >= enough
        if is_burnt and by_chance(long.bad, budget * long.total) < LUCK:
            return Burn(pair, long.total, long.bad, long.ratio / budget)
    return False if is_known else None
