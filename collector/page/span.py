"""Which time a page shows: one of a few lengths until now, or between two moments. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from modpulse.agent.service.units import NS

from ..insight.history import DAY_S
from ..intake.rollup import HOUR_S

LENGTHS_S: Mapping[str, int] = {
    "24h": DAY_S, "7d": 7 * DAY_S, "30d": 30 * DAY_S, "90d": 90 * DAY_S,
}  # fmt: skip
"""By name; the first where nothing is said."""
BY_HOUR_S = 2 * DAY_S
"""Up to this length a table has a row for each hour, beyond it for each day."""
CELLS_BY_HOUR_S = 8 * DAY_S
"""The same of cells in a picture."""
MOST_CELLS = 400


@dataclass(frozen=True, slots=True)
class Span:
    """Seconds on the collector's clock; it ends before `until_s`."""

    name: str
    """Of LENGTHS_S; empty: between two moments."""
    from_s: int
    until_s: int

    @property
    def period_s(self) -> int:
        """Of a row."""
        return HOUR_S if self.until_s - self.from_s <= BY_HOUR_S else DAY_S

    @property
    def cell_s(self) -> int:
        """Of a cell."""
        return HOUR_S if self.until_s - self.from_s <= CELLS_BY_HOUR_S else DAY_S

    @property
    def starts(self) -> tuple[int, ...]:
        """When each of its cells begins, the newest MOST_CELLS."""
        first_s = self.from_s - self.from_s % self.cell_s
        return tuple(range(first_s, self.until_s, self.cell_s))[-MOST_CELLS:]


def span_of(name: str, now_s: int) -> Span:
    """Return so long until now; of a name that there is not the first."""
    name = name if name in LENGTHS_S else next(iter(LENGTHS_S))
    # Whole periods, so that a bar of a day is all of it.
    until_s = now_s + 1
    return Span(name, until_s - LENGTHS_S[name], until_s)


def ns(at_s: int, wall_offset_ns: int) -> int:
    """Return a time of the collector's clock as the wall has it."""
    return at_s * NS + wall_offset_ns
