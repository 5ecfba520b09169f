"""
What a list of proxies shows of the past: each of the last days, and each of the last hours. Pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ..intake.rollup import HOUR_S
from .history import DAY_S, History, Point

DAYS = 90
HOURS = 24


@dataclass(frozen=True, slots=True)
class Day:
    """One day, UTC."""

    start_s: int
    good: int
    """Answers and misses."""
    failed: int


@dataclass(frozen=True, slots=True)
class Recent:
    """Of one proxy; times are the collector's."""

    days: tuple[Day, ...]
    """Oldest first, DAYS of them, today the last; what it is held responsible for."""
    p95_ms: tuple[float | None, ...]
    """Of the time to first byte, by hour, HOURS of them; None where nothing was seen."""


def days_from_s(now_s: int) -> int:
    """Return when the first of the days begins."""
    return now_s - now_s % DAY_S - (DAYS - 1) * DAY_S


def hours_from_s(now_s: int) -> int:
    """Return when the first of the hours begins."""
    return now_s - now_s % HOUR_S - (HOURS - 1) * HOUR_S


def recent_of(judged: History | None, whole: History | None, now_s: int) -> Recent:
    """
    Return both.

    Args:
        judged: By day, of what the proxy is held responsible for; None: nothing is known.
        whole: By hour; None as well.
        now_s: On the collector's clock.
    """
    first_s = days_from_s(now_s)
    good, failed = [0] * DAYS, [0] * DAYS
    for point in _points(judged):
        place = (point.start_s - first_s) // DAY_S
        if 0 <= place < DAYS:
            good[place] += point.ok + point.misses
            failed[place] += point.failed
    hours: list[float | None] = [None] * HOURS
    for point in _points(whole):
        place = (point.start_s - hours_from_s(now_s)) // HOUR_S
        # What is kept by the day alone says nothing of an hour.
        if 0 <= place < HOURS and point.period_s == HOUR_S:
            hours[place] = point.p95_ms
    days = (Day(first_s + n * DAY_S, good[n], failed[n]) for n in range(DAYS))
    return Recent(tuple(days), tuple(hours))


def _points(history: History | None) -> Iterator[Point]:
    for series in history.series if history else ():
        yield from series.points
