"""
The lines of a proxy's page as columns, for what draws them in a browser. Pure.

No public interface: who wants numbers asks GET /api/v1/history.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..insight.history import History, Point
from .span import ns

PHASES = ("resolve", "connect", "tls", "verify", "processing", "transfer")
"""In the order of a request."""
FIRST_BYTE = "first_byte"
PERCENTILES = ("p50", "p95", "p99")
MOST_CLASSES = 8
"""Failure classes with a line of their own, those with most failures; the rest is one."""
REST = "rest"
_NS = 1_000_000_000

_Value = Callable[[Point], float | None]


def columns(history: History | None, wall_offset_ns: int) -> dict[str, Any]:
    """
    Return the columns, all as long as `at_s`: times in s since 1970, latencies in ms, rates per
    minute. Where nothing was seen there is a row of nulls, so that no line goes over it.

    Args:
        history: Of the proxy as a whole with PHASES, None: nothing is known.
        wall_offset_ns: Added to the collector's times to show them.
    """
    points = history.series[0].points if history and history.series else ()
    rows = list(_with_gaps(points))
    classes = _classes(points)
    rest = frozenset(name for point in points for name in point.failures) - set(classes)
    failures = {name: _column(rows, _rate(name)) for name in classes}
    if rest:
        failures[REST] = _column(
            rows, lambda point: _per_minute(sum(point.failures.get(n, 0) for n in rest), point)
        )
    return {
        "at_s": [ns(at_s, wall_offset_ns) / _NS for at_s, _ in rows],
        "phases": {
            name: _known({p: _column(rows, _ms(p, place)) for p in (FIRST_BYTE, *PHASES)})
            for place, name in enumerate(PERCENTILES)
        },
        "rates": {
            "ok": _column(rows, lambda point: _per_minute(point.ok, point)),
            "miss": _column(rows, lambda point: _per_minute(point.misses + point.suspects, point)),
            "failed": _column(rows, lambda point: _per_minute(point.failed, point)),
        },
        "failures": failures,
    }


def _with_gaps(points: Sequence[Point]) -> Iterator[tuple[int, Point | None]]:
    """Yield each point at the middle of its period, and nothing where there was none."""
    end_s = None
    for point in points:
        if end_s is not None and point.start_s > end_s:
            yield (end_s + point.start_s) // 2, None
        end_s = point.start_s + point.period_s
        yield point.start_s + point.period_s // 2, point


def _column(rows: Sequence[tuple[int, Point | None]], value: _Value) -> list[float | None]:
    return [None if point is None else _rounded(value(point)) for _, point in rows]


def _known(columns: dict[str, list[float | None]]) -> dict[str, list[float | None]]:
    """Leave out columns in which nothing is."""
    return {name: values for name, values in columns.items() if any(v is not None for v in values)}


def _classes(points: Sequence[Point]) -> list[str]:
    sums: dict[str, int] = {}
    for point in points:
        for name, count in point.failures.items():
            sums[name] = sums.get(name, 0) + count
    return sorted(sums, key=lambda name: (-sums[name], name))[:MOST_CLASSES]


def _ms(phase: str, place: int) -> _Value:
    if phase == FIRST_BYTE:
        return lambda point: (point.p50_ms, point.p95_ms, point.p99_ms)[place]
    return lambda point: (point.phases_ms.get(phase) or (None,) * 3)[place]


def _rate(name: str) -> _Value:
    return lambda point: _per_minute(point.failures.get(name, 0), point)


def _per_minute(number: int, point: Point) -> float:
    return 60 * number / point.period_s


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
