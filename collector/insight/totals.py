"""
What each proxy did since this process began: counters that only grow, as metrics want them.

Sums of the same roll-ups that the history is made of, so that both tell the same. Pure, bounded: a
proxy keeps as many values of a dimension by name as a minute of its history does.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from modpulse.agent.batch.batch import FIRST_BYTE

from ..intake.cells import Cell, buckets_of
from ..intake.dimensions import MOST_NAMED, OTHER, Dimension
from ..intake.rollup import Rollup

SHOWN: tuple[Dimension, ...] = ("site", "endpoint")
"""Told beside the proxy as a whole; others come and go, they are the history's."""


@dataclass(slots=True)
class Total:
    """Of a proxy, or of one value of it."""

    counts: Counter[str] = field(default_factory=Counter)
    """By the names of modpulse.collector.intake.cells."""
    durations: dict[str, Counter[int]] = field(default_factory=dict)
    """Counts by bucket, by phase."""


@dataclass(slots=True)
class OfProxy:
    """Of one proxy."""

    whole: Total = field(default_factory=Total)
    parts: dict[Dimension, dict[str, Total]] = field(
        default_factory=lambda: {dimension: {} for dimension in SHOWN}
    )
    """By dimension and value."""


class Totals:
    """Of all proxies."""

    def __init__(self) -> None:
        self.of: dict[str, OfProxy] = {}
        self.batches = 0
        """That the tables know of."""

    def add(self, rollup: Rollup) -> None:
        """Add what some batches came to."""
        self.batches += rollup.batches
        for (proxy, _, name), count in rollup.counts.items():
            self._of(proxy).whole.counts[name] += count
        for (proxy, _, phase), buckets in rollup.sketches.items():
            _time(self._of(proxy).whole, phase, buckets)
        for (proxy, _, dimension), cells in rollup.parts.items():
            if dimension in SHOWN:
                held = self._of(proxy).parts[dimension]
                for value, cell in cells.items():
                    _add(_place(held, value, dimension), cell)

    def forget(self, proxies: Iterable[str]) -> None:
        """Let go of proxies that are held no more."""
        for proxy in proxies:
            self.of.pop(proxy, None)

    def _of(self, proxy: str) -> OfProxy:
        found = self.of.get(proxy)
        if found is None:
            found = self.of[proxy] = OfProxy()
        return found


def _place(held: dict[str, Total], value: str, dimension: Dimension) -> Total:
    if value not in held and len(held) - (OTHER in held) >= MOST_NAMED[dimension][1]:
        value = OTHER
    return held.setdefault(value, Total())


def _add(total: Total, cell: Cell) -> None:
    total.counts.update(cell.counts)
    if cell.sketches:
        _time(total, FIRST_BYTE, buckets_of(cell, FIRST_BYTE))


def _time(total: Total, phase: str, buckets: Mapping[int, int]) -> None:
    total.durations.setdefault(phase, Counter()).update(buckets)
