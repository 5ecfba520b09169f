"""What the requests of a proxy have in common: a table for each dimension. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from modpulse.agent.service.foreign import say

from ..insight.history import History, Series
from ..intake.dimensions import Dimension

TOLD: tuple[Dimension, ...] = ("site", "endpoint", "address", "resolver")
"""In this order; hosts have a picture of their own."""
MOST_ROWS = 33
"""As many are kept by name, and the others as one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRow:
    """One value."""

    name: str
    """Empty: without one."""
    requests: int
    share: float
    """Of the requests of all values."""
    failed: int
    failure_ratio: float | None
    cause: str | None
    """The most frequent failure class."""
    p95_ms: float | None


def part_rows(history: History | None) -> list[PartRow]:
    """Return a row for each value of a history's dimension, those asked most first."""
    if history is None:
        return []
    asked = sum(series.total.requests for series in history.series) or 1
    return [_row(series, asked) for series in history.series[:MOST_ROWS]]


def top_cause(failures: Mapping[str, int]) -> str | None:
    """Return the most frequent class, ties by name; None without any."""
    ranked = sorted(failures, key=lambda name: (-failures[name], name))
    return ranked[0] if ranked else None


def _row(series: Series, asked: int) -> PartRow:
    total = series.total
    return PartRow(
        name=say(series.name),
        requests=total.requests,
        share=total.requests / asked,
        failed=total.failed,
        failure_ratio=total.failure_ratio,
        cause=top_cause(total.failures),
        p95_ms=total.p95_ms,
    )
