"""
Where a row of the history is: a proxy, a dimension, a period and its start make one integer.

So what is asked for together lies together, and a row costs no index. Pure.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..intake.dimensions import DIMENSIONS, Dimension
from ..intake.rollup import HOUR_S, MINUTE_S

DAY_S = 86_400
PERIODS_S = (MINUTE_S, HOUR_S, DAY_S)
"""Of each tier: 0, 1, 2."""
MINUTES, HOURS, DAYS = range(3)
LAST_PROXY_ID = (1 << 26) - 1
_START_BITS, _TIER_BITS, _DIMENSION_BITS = 32, 2, 3
_LAST_START = (1 << _START_BITS) - 1
LATEST_START_S = _LAST_START * MINUTE_S
"""In the year 10136."""


class Range(NamedTuple):
    """Rows of one series and tier, by their keys; both ends are of it."""

    tier: int
    first: int
    last: int


class Marks(NamedTuple):
    """Up to when (s) all of a series is in its hours, and in its days."""

    hours: int
    days: int


class Kept(NamedTuple):
    """From when on (s) minutes, hours and days are kept: older ones are in the next tier only."""

    minutes: int = 0
    hours: int = 0
    days: int = 0


def series_of(proxy_id: int, dimension: Dimension) -> int:
    """Return a number for a proxy and dimension; ValueError for what is no id."""
    if not isinstance(proxy_id, int) or not 0 < proxy_id <= LAST_PROXY_ID:
        raise ValueError("no id of a proxy")
    return proxy_id << _DIMENSION_BITS | DIMENSIONS.index(dimension)


def key_of(series: int, tier: int, start_s: int) -> int:
    """Return the key of the row whose period has a time in it."""
    start = min(max(0, start_s), LATEST_START_S) // PERIODS_S[tier] * (PERIODS_S[tier] // MINUTE_S)
    return (series << _TIER_BITS | tier) << _START_BITS | start


def start_of(key: int) -> int:
    """Return when the period of a row begins, s."""
    return (key & _LAST_START) * MINUTE_S


def whole(series: int, tier: int) -> Range:
    """Return every row of a series and tier."""
    first = (series << _TIER_BITS | tier) << _START_BITS
    return Range(tier, first, first | _LAST_START)


def between(series: int, tier: int, from_s: int, until_s: int) -> Range:
    """Return the periods that begin within two times; `until_s` is not of it."""
    return Range(
        tier,
        key_of(series, tier, from_s + PERIODS_S[tier] - 1),
        key_of(series, tier, until_s + PERIODS_S[tier] - 1) - 1,
    )


def of_proxy(proxy_id: int) -> tuple[int, int]:
    """Return the first and the last key of a proxy."""
    bits = _DIMENSION_BITS + _TIER_BITS + _START_BITS
    return proxy_id << bits, (proxy_id + 1 << bits) - 1


def tiers_of(start_s: int, marks: Marks, kept: Kept) -> Iterator[int]:
    """Yield in which tiers a new minute is written: in those too that it is late for."""
    if start_s >= kept.minutes or start_s >= marks.hours:
        yield MINUTES
    hour_s = start_s - start_s % HOUR_S
    if start_s < marks.hours and (hour_s >= kept.hours or hour_s >= marks.days):
        yield HOURS
    if start_s < marks.days:
        yield DAYS


def ranges(
    series: int, period_s: int, from_s: int, until_s: int, marks: Marks, kept: Kept
) -> list[Range]:
    """
    Return the rows that say what was between two times, each fact once.

    Args:
        series: Of `series_of`.
        period_s: The finest that is wanted, of PERIODS_S; what is older is coarser.
        from_s: Seconds; the period that has it is whole.
        until_s: Not of it.
        marks: Of the series.
        kept: Of the store.
    """
    from_s -= from_s % period_s
    days_end = marks.days if period_s == DAY_S else min(kept.hours, marks.days)
    hours_end = min(kept.minutes, marks.hours) if period_s == MINUTE_S else marks.hours
    hours_end = max(days_end, hours_end)
    found = (
        between(series, DAYS, from_s - from_s % DAY_S, min(until_s, days_end)),
        between(series, HOURS, max(from_s - from_s % HOUR_S, days_end), min(until_s, hours_end)),
        between(series, MINUTES, max(from_s, hours_end), until_s),
    )
    return [range_ for range_ in found if range_.first <= range_.last]


def all_series(proxy_ids: Iterable[int]) -> Iterator[tuple[int, Dimension]]:
    """Yield every series of these proxies with its dimension."""
    for proxy_id in proxy_ids:
        for dimension in DIMENSIONS:
            yield series_of(proxy_id, dimension), dimension


LEAST_S = (2 * HOUR_S, 2 * DAY_S, 30 * DAY_S)
"""What of minutes, hours and days stays however large the file is."""
SHARE = 8
"""An eighth of the time that a tier is kept goes at once, where the file is too large."""


def aligned(kept: Kept) -> Kept:
    """Return the same by whole periods of the next tier; no tier is kept for less than a finer."""
    days = kept.days - kept.days % DAY_S
    hours = max(days, kept.hours - kept.hours % DAY_S)
    return Kept(max(hours, kept.minutes - kept.minutes % HOUR_S), hours, days)


def narrowed(kept: Kept, now_s: int) -> Kept | None:
    """Return what to keep where that is too much: minutes go first; None: no less is kept."""
    for tier, step_s in zip((MINUTES, HOURS, DAYS), (HOUR_S, DAY_S, DAY_S), strict=True):
        held_s = now_s - kept[tier]
        if held_s > LEAST_S[tier] + step_s:
            gone_s = min(max(step_s, held_s // SHARE), held_s - LEAST_S[tier])
            less = [*kept]
            less[tier] += gone_s - gone_s % step_s
            return aligned(Kept(*less))
    return None
