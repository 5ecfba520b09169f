"""
History: what a proxy did in each minute, hour or day, as a whole or by one dimension.

A value and how it is made from rows; who shows it knows nothing of these. What was not seen is no
point; a latency that is not known is None. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from modpulse.agent.batch.batch import FIRST_BYTE
from modpulse.agent.batch.sketch import estimate_ns

from ..intake.cells import FAILED, Cell, added, unpack
from ..intake.dimensions import Dimension
from ..intake.fold import quantiles
from ..intake.rollup import HOUR_S, MINUTE_S, TIMED

DAY_S = 86_400
STEPS_S: Mapping[str, int] = {"minute": MINUTE_S, "hour": HOUR_S, "day": DAY_S}
MAX_POINTS = 2_500
"""Of a proxy as a whole: 90 days by hour are 2,160."""
MAX_POINTS_EACH = 400
"""Of each value of a dimension: a year by day."""
STEP_POINTS = 64
"""That are timed together: 2 ms."""

QUANTILES = (0.5, 0.95, 0.99)


class TooFineError(ValueError):
    """So many points are not told at once."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to know."""

    proxy: str
    by: Dimension
    period_s: int
    """The finest; what is older is kept by longer ones."""
    from_s: int
    until_s: int
    """Not of it."""
    phases: tuple[str, ...] = ()
    """Whose latencies are told apart; of the proxy as a whole only."""


@dataclass(frozen=True, slots=True)
class Point:
    """One period, or all of them together."""

    start_s: int
    period_s: int
    ok: int
    misses: int
    suspects: int
    failures: Mapping[str, int]
    body_bytes: int
    fallbacks: int
    lost_ms: int
    """Time that failures took, whatever came after them."""
    commands_stopped: int
    p50_ms: float | None
    """Of times to first byte of list, info and mod; of a resolver, of lookups."""
    p95_ms: float | None
    p99_ms: float | None
    phases_ms: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """p50, p95 and p99 of each phase that was asked for and seen."""

    @property
    def failed(self) -> int:
        """Failures of every class."""
        return sum(self.failures.values())

    @property
    def failure_ratio(self) -> float | None:
        """Of what was answered or failed; None without any."""
        counted = self.ok + self.failed
        return self.failed / counted if counted else None

    @property
    def requests(self) -> int:
        """Every outcome."""
        return self.ok + self.misses + self.suspects + self.failed


@dataclass(frozen=True, slots=True)
class Series:
    """One value of the dimension; the proxy as a whole has the empty name."""

    name: str
    total: Point
    points: tuple[Point, ...]
    """Oldest first."""


@dataclass(frozen=True, slots=True)
class History:
    """The answer; those asked most come first."""

    asked: Asked
    series: tuple[Series, ...]


def step_of(span_s: int, by: Dimension, wanted: str) -> int:
    """
    Return the period for a time, s: the finest of which there are not too many.

    Raises:
        TooFineError: there are too many of what is wanted.
    """
    most = MAX_POINTS_EACH if by else MAX_POINTS
    if wanted:
        if span_s > STEPS_S[wanted] * most:
            raise TooFineError(f"more than {most} points: ask for a longer step or for less time")
        return STEPS_S[wanted]
    fits = (step_s for step_s in STEPS_S.values() if span_s <= step_s * most)
    return next(fits, DAY_S)


class Builder:
    """Rows on their way to a history; each step takes some milliseconds at most."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._phase = TIMED.get(asked.by, FIRST_BYTE)
        self._wanted = frozenset((*asked.phases, self._phase))
        self._cells: dict[str, dict[tuple[int, int], Cell]] = {}
        """By value, then by start and length of the period."""
        self._series: list[Series] = []
        self.unreadable = 0
        """Rows, and sketches of rows, that made no sense."""

    def take(self, start_s: int, period_s: int, row: object) -> None:
        """Add a row of some period; a finer one than was asked for is part of what was."""
        period_s = max(period_s, self._asked.period_s)
        slot = (start_s - start_s % period_s, period_s)
        try:
            cells = list(unpack(row))
        except ValueError:
            self.unreadable += 1
            return
        for name, cell in cells:
            slots = self._cells.setdefault(name, {})
            if slot in slots:
                slots[slot].add(cell)
            else:
                slots[slot] = cell

    def finish(self) -> Iterator[None]:
        """Make the points, some at a step."""
        for name, slots in self._cells.items():
            points: list[Point] = []
            total = Cell()
            spans = sorted(slots)
            for first in range(0, len(spans), STEP_POINTS):
                some = spans[first : first + STEP_POINTS]
                for span in some:
                    cell = slots[span]
                    cell.sketches = [held for held in cell.sketches if held[0] in self._wanted]
                    total.add(cell)
                points += self._points(some, [_once(slots[span]) for span in some])
                yield
            whole = _once(total)
            yield
            span_s = self._asked.until_s - self._asked.from_s
            sums = self._points([(self._asked.from_s, span_s)], [whole])
            self._series.append(Series(name, sums[0], tuple(points)))
            yield

    def history(self) -> History:
        """Return what was made."""
        ordered = sorted(self._series, key=lambda one: (-one.total.requests, one.name))
        return History(self._asked, tuple(ordered))

    def _points(self, spans: list[tuple[int, int]], cells: list[Cell]) -> list[Point]:
        """Return a point for the start and length of each period."""
        timed = [(n, *held) for n, cell in enumerate(cells) for held in cell.sketches if held[1]]
        found = quantiles([data for _, _, data in timed], QUANTILES)
        self.unreadable += found.count(None)
        of: list[dict[str, tuple[float, ...]]] = [{} for _ in cells]
        for (number, phase, _), buckets in zip(timed, found, strict=True):
            if buckets:
                of[number][phase] = tuple(estimate_ns(bucket) / 1e6 for bucket in buckets)
        return [
            self._point(span, cell.counts, times)
            for span, cell, times in zip(spans, cells, of, strict=True)
        ]

    def _point(
        self,
        span: tuple[int, int],
        counts: Mapping[str, int],
        timed: Mapping[str, tuple[float, ...]],
    ) -> Point:
        start_s, period_s = span
        p50_ms, p95_ms, p99_ms = timed.get(self._phase) or (None,) * 3
        return Point(
            start_s=start_s,
            period_s=period_s,
            ok=counts["ok"],
            misses=counts["miss"],
            suspects=counts["suspect"],
            failures={name: n for name, n in counts.items() if name in FAILED},
            body_bytes=counts["bytes"],
            fallbacks=counts["fallback"],
            lost_ms=counts["fallback_ms"] + counts["failed_ms"],
            commands_stopped=counts["stopped"],
            p50_ms=p50_ms,
            p95_ms=p95_ms,
            p99_ms=p99_ms,
            phases_ms={name: timed[name] for name in self._asked.phases if name in timed},
        )


def _once(cell: Cell) -> Cell:
    """Return the same with each phase once."""
    if len(cell.sketches) == len({phase for phase, _ in cell.sketches}):
        return cell
    return added([{"": cell}], "")[0][""]
