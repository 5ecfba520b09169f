"""
Comparison: two mirrors side by side, from what `go` commands saw of both.

A value, made from rows of the history by `comparing.py`; who shows it knows nothing of these. What
was not seen is None, never 0. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ..health.versions import Firsts
from ..intake.rollup import HOUR_S, MINUTE_S
from .matched import Pair
from .mirror import Mirror

Kind = Literal["success", "misses", "p50", "p95", "p99"]
QUANTILES: Mapping[Kind, float] = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
SPEED: tuple[Kind, ...] = ("p95", "p50", "p99")
"""Percentiles in the order in which they are told."""
BY_MINUTE_S = 12 * HOUR_S
"""What is no longer is compared by the minute, what is by the hour."""
Note = Literal["apart", "after_a", "after_b"]
"""Sites asked them unlike; B may be asked for what A has not; the same with B before A."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to have compared."""

    a: str
    b: str
    from_s: int
    until_s: int
    """Not of it."""

    @property
    def period_s(self) -> int:
        """How long times are in which both must have been asked."""
        return MINUTE_S if self.until_s - self.from_s <= BY_MINUTE_S else HOUR_S


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that is compared."""

    kind: Kind
    endpoint: str | None
    """None: of all requests."""
    circumstance: str | None
    """As in a batch: how many requests were in flight, whether the same was asked for before; None:
    of all. A sample."""
    phase: str | None
    """Of a percentile: PHASES, or `first_byte`; else None."""
    by_site: bool
    """Whether sites are told apart; else hours alone."""
    pair: Pair | None
    """Shares, and percentiles in ns; None: never both at the same hour and site."""


@dataclass(frozen=True, slots=True)
class Together:
    """How much of both can be compared."""

    period_s: int
    periods: int
    """Hours or minutes in which both were asked from the same site."""
    sites: tuple[str, ...]
    """From which; the empty name: agents without one."""
    requests_a: int
    """Of A, then and there."""
    requests_b: int
    apart: float
    """Of the requests in an hour, those that came from other sites to A than to B; 0…1."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The answer."""

    asked: Asked
    a: Mirror
    b: Mirror
    together: Together
    rows: tuple[Row, ...]
    """Success, misses and time to first byte of all, of each endpoint and circumstance; phases."""
    error: float
    """How often the interval of one row's difference may miss it."""
    notes: tuple[Note, ...]
    """What else may be the cause of a difference."""
    firsts: Firsts | None
    """What one has and the other has not; None: nothing was read."""

    def row(self, kind: Kind) -> Row:
        """Return one of those of all requests, of a percentile that of the first byte."""
        return next(row for row in self.rows if row.kind == kind and row.by_site)

    @property
    def speed(self) -> Row:
        """Return p95 to first byte of all requests, or what surely differs where that may not."""
        of_all = {row.kind: row for row in self.rows if row.by_site}
        rows = (of_all[kind] for kind in SPEED if kind in of_all)
        sure = (row for row in rows if row.pair and row.pair.verdict in ("higher", "lower"))
        return next(sure, of_all["p95"])
