"""The last days of a proxy as bars: how much of its error budget each has used. Pure."""

from collections.abc import Iterable, Iterator

from modpulse.agent.service.units import NS

from ..draw.bars import Bar, Level
from ..insight.history import DAY_S
from ..insight.recent import DAYS, Day, Recent
from .links import proxy_page
from .words import NOTHING, count, day, percent

FEW = 3
"""Fewer failures than these make no day worse than `fair`."""
FAIR, POOR = 10.0, 100.0
"""Times of the budget that a day may use and be called so; up to one it is `good`."""


def level(one: Day, objective: float) -> Level:
    """Return what a day was like, for an objective of below 1."""
    asked = one.good + one.failed
    if not asked:
        return "unseen"
    used = one.failed / asked / (1 - objective)
    if used <= 1:
        return "good"
    if used <= FAIR or one.failed < FEW:
        return "fair"
    return "poor" if used <= POOR else "bad"


def bars_of(
    proxy: str, recent: Recent | None, objective: float, wall_offset_ns: int
) -> tuple[Bar, ...]:
    """
    Return a bar for each day, oldest first; of what was not read yet they say nothing.

    Args:
        proxy: Whose.
        recent: Its days.
        objective: Share of requests that are to be served.
        wall_offset_ns: Added to the collector's times to show them.
    """
    if recent is None:
        return tuple(Bar("unseen", NOTHING) for _ in range(DAYS))
    return tuple(_bars(proxy, recent.days, objective, wall_offset_ns))


def served(recent: Recent | None) -> float | None:
    """Return the share of requests that were served in all of the days; None without any."""
    days = recent.days if recent else ()
    good, failed = (sum(one.good for one in days), sum(one.failed for one in days))
    return good / (good + failed) if good + failed else None


def _bars(proxy: str, days: Iterable[Day], objective: float, wall_offset_ns: int) -> Iterator[Bar]:
    for one in days:
        wall_ns = one.start_s * NS + wall_offset_ns
        asked = one.good + one.failed
        ratio = percent(one.good / asked, 2) if asked else NOTHING
        label = f"{day(wall_ns)}: {ratio}" + (f", n = {count(asked)}" if asked else "")
        link = proxy_page(proxy, wall_ns, wall_ns + DAY_S * NS)
        yield Bar(level(one, objective), label, link)
