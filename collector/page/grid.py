"""What hosts saw, by time: a row of cells each. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from modpulse.agent.service.foreign import say

from ..draw.heat import Cell, row
from ..draw.svg import Picture
from ..insight.history import History, Point, Series
from ..intake.rollup import HOUR_S
from .links import host_page
from .span import Span, ns
from .words import NOTHING, count, day, moment, percent

MOST_ROWS = 64
"""As many hosts of a proxy are kept by name."""
OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class GridRow:
    """One host, or all that are not kept by name."""

    name: str
    page: str | None
    picture: Picture
    requests: int
    failure_ratio: float | None
    p95_ms: float | None


def grid(history: History | None, span: Span, wall_offset_ns: int) -> Iterator[GridRow]:
    """
    Yield a row for each host, the one with most failures first, then with most requests.

    Args:
        history: By agent; None: nothing is known.
        span: Which cells there are.
        wall_offset_ns: Added to the collector's times to show them.
    """
    series = sorted(
        history.series if history else (),
        key=lambda one: (-one.total.failed, -one.total.requests, one.name),
    )
    for one in series[:MOST_ROWS]:
        name = say(one.name)
        yield GridRow(
            name=name,
            page=None if one.name == OTHER else host_page(one.name),
            picture=strip(name, one, span, wall_offset_ns),
            requests=one.total.requests,
            failure_ratio=one.total.failure_ratio,
            p95_ms=one.total.p95_ms,
        )


def strip(name: str, series: Series | None, span: Span, wall_offset_ns: int) -> Picture:
    """Return the cells of one host: the share that failed, by time."""
    of = _by_cell(series.points if series else (), span)
    cells = [_cell(of.get(at_s), ns(at_s, wall_offset_ns), span) for at_s in span.starts]
    total = series.total if series else None
    title = f"{name}: {percent(total.failure_ratio if total else None)}"
    return row(title, cells)


def _cell(points: list[Point] | None, wall_ns: int, span: Span) -> Cell:
    when = moment(wall_ns) if span.cell_s == HOUR_S else day(wall_ns)
    if not points:
        return Cell(None, f"{when}: {NOTHING}")
    failed = sum(point.failed for point in points)
    counted = failed + sum(point.ok for point in points)
    asked = sum(point.requests for point in points)
    share = failed / counted if counted else 0.0
    return Cell(share, f"{when}: {percent(share)} ({count(failed)} / {count(asked)})")


def _by_cell(points: Sequence[Point], span: Span) -> Mapping[int, list[Point]]:
    """Return the points of each cell; one of a longer period is in each cell that it covers."""
    of: dict[int, list[Point]] = {}
    for point in points:
        first_s = max(point.start_s, span.starts[0] if span.starts else 0)
        first_s -= first_s % span.cell_s
        end_s = min(point.start_s + point.period_s, span.until_s)
        for at_s in range(first_s, end_s, span.cell_s):
            of.setdefault(at_s, []).append(point)
    return of
